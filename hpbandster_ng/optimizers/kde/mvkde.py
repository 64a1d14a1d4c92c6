"""A density over the configurations of a search space."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers.config_generators.search_space import Kind, SearchSpace
from hpbandster_ng.optimizers.kde.bandwidths import loo_negloglikelihood, maximum_likelihood, normal_reference
from hpbandster_ng.optimizers.kde.kernels import (
    AitchisonAitken,
    Array,
    Gaussian,
    Kernel,
    WangRyzinInteger,
    WangRyzinOrdinal,
)

__all__ = ["BandwidthEstimator", "MultivariateKDE"]

BandwidthEstimator = Literal["scott", "mlcv"]

_MOST_POINTS = 200
"""How many points the efficient estimation of bandwidths looks at: its cost grows with their square."""


class MultivariateKDE:
    """Kernel density estimation with one kernel a hyperparameter.

    Floats and log-scaled integers have a Gaussian kernel, integers and ordinals a Wang-Ryzin one, categories that of
    Aitchison & Aitken. Constants are no columns. Where a hyperparameter is inactive the data are NaN, which the
    kernels understand (see :mod:`~hpbandster_ng.optimizers.kde.kernels`), so conditional spaces need no imputation.

    Args:
        configspace: the space; its columns are those of
            :class:`~hpbandster_ng.optimizers.config_generators.search_space.SearchSpace`.
        fully_dimensional: True for a product kernel around each point, which follows interactions; False for the
            product of one-dimensional densities, which needs fewer points and sees none.
        min_bandwidth: no kernel is narrower, in units of the hyperparameter's range.
        fix_boundary: make the density integrate to one over the space; without it mass leaks over the borders.
        rng: source of randomness of :meth:`sample`.

    Raises:
        SearchSpaceError: see ``SearchSpace``.

    Example:
        >>> import ConfigSpace
        >>> space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0), "kind": ["a", "b"]})
        >>> kde = MultivariateKDE(space, rng=np.random.default_rng(1))
        >>> SearchSpace(space).column_names
        ('kind', 'x')
        >>> kde.fit([[0, 0.1], [0, 0.2], [1, 0.15]])
        >>> near, far = kde.pdf([[0, 0.15], [1, 0.9]])
        >>> bool(near > 10 * far), kde.sample(5).shape
        (True, (5, 2))
    """

    def __init__(
        self,
        configspace: Any,
        fully_dimensional: bool = True,
        min_bandwidth: float = 1e-4,
        fix_boundary: bool = True,
        rng: np.random.Generator | None = None,
    ) -> None:
        if not 0 < min_bandwidth <= 1:
            raise InvalidArgumentError("min_bandwidth", min_bandwidth, "must lie in (0, 1]", "1e-4 is the default")
        self.search_space = configspace if isinstance(configspace, SearchSpace) else SearchSpace(configspace)
        self.fully_dimensional = fully_dimensional
        self.min_bandwidth = min_bandwidth
        self.fix_boundary = fix_boundary
        self.rng = np.random.default_rng() if rng is None else rng
        self._kernels: list[Kernel] = []
        self._weights = np.empty(0)

    @property
    def bandwidths(self) -> Array:
        """The kernels' widths, shape (d,); NaN before the first fit."""
        if not self._kernels:
            return np.full(self.search_space.dimensions, np.nan)
        return np.array([np.nan if k.bandwidth is None else k.bandwidth for k in self._kernels], dtype=np.float64)

    def set_bandwidths(self, b: npt.ArrayLike) -> None:
        """Set the widths by hand, shape (d,).

        Raises:
            InvalidArgumentError: before the first fit, for a wrong length, or outside of a kernel's range.
        """
        widths = np.asarray(b, dtype=np.float64).reshape(-1)
        if len(widths) != len(self._fitted()):
            raise InvalidArgumentError("b", widths, f"must be {len(self._kernels)} numbers", "one for each column")
        for kernel, width in zip(self._kernels, widths, strict=True):
            kernel.set_bandwidth(width)

    def fit(
        self,
        data: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
        bw_estimator: BandwidthEstimator = "scott",
        efficient_bw_estimation: bool = True,
        update_bandwidth: bool = True,
    ) -> None:
        """Take the data, and estimate the bandwidths.

        Args:
            data: shape (n, d), columns as ``SearchSpace`` encodes them.
            weights: of the points, shape (n,), none negative; equal by default.
            bw_estimator: ``"scott"`` for the normal-reference rule, on the deviation of each column's active values;
                ``"mlcv"`` for the largest leave-one-out likelihood. With fewer than three points the rule holds.
            efficient_bw_estimation: estimate ``"mlcv"`` on 200 evenly chosen points where there are more, and scale
                the result by the known rates (Li & Racine 2007, section 1.3); the cost is then bounded.
            update_bandwidth: False keeps the bandwidths of the last fit.

        Raises:
            InvalidArgumentError: for a wrong shape, values outside of the space, or an unknown estimator.
        """
        if bw_estimator not in ("scott", "mlcv"):
            raise InvalidArgumentError("bw_estimator", bw_estimator, "must be 'scott' or 'mlcv'", "choose one of them")
        points = np.asarray(data, dtype=np.float64)
        d = self.search_space.dimensions
        if points.ndim != 2 or points.shape[1] != d or not len(points):
            rule = f"must be of shape (n, {d}) with n >= 1"
            raise InvalidArgumentError("data", points.shape, rule, "encode each configuration as a row")
        relative = self._checked_weights(weights, len(points))
        kernels = [self._kernel(j, points[:, j]) for j in range(d)]
        previous = None if update_bandwidth or np.isnan(self.bandwidths).any() else self.bandwidths
        self._kernels, self._weights = kernels, relative
        if previous is not None:
            self.set_bandwidths(previous)
            return
        self._apply_rule(kernels)
        if bw_estimator == "mlcv" and np.count_nonzero(relative) >= 3:
            self._maximise_likelihood(points, _MOST_POINTS if efficient_bw_estimation else len(points))

    def pdf(self, x: npt.ArrayLike) -> Array:
        """Densities at points of shape (m, d), or at one of shape (d,); shape (m,)."""
        return np.asarray(np.exp(self.log_pdf(x)))

    def log_pdf(self, points: npt.ArrayLike) -> Array:
        """Logarithms of :meth:`pdf`; they do not underflow."""
        kernels = self._fitted()
        x = np.atleast_2d(np.asarray(points, dtype=np.float64))
        logs = (kernel.log_values(x[:, j]) for j, kernel in enumerate(kernels))
        shares = (self._weights / self._weights.sum())[:, None]
        if self.fully_dimensional:
            total = np.zeros((len(self._weights), len(x)))
            for log_values in logs:
                total += log_values
            return np.asarray(logsumexp(total, axis=0, b=shares))
        return np.asarray(np.sum([logsumexp(log_values, axis=0, b=shares) for log_values in logs], axis=0))

    def log_lower_bound(self, points: npt.ArrayLike) -> Array:
        """What :meth:`log_pdf` is not below: here itself."""
        return self.log_pdf(points)

    def sample(self, n: int = 1) -> Array:
        """Draw from the density, shape (n, d).

        Columns of what is inactive in a drawn point hold some value too; ``SearchSpace.decode`` drops it.
        """
        return self.sample_candidates(self.rng, n)

    def sample_candidates(self, rng: np.random.Generator, size: int, bandwidth_factor: float = 1.0) -> Array:
        """Draw as :meth:`sample` from ``rng``, with all bandwidths times a factor (at most what a kernel allows)."""
        fitted = self._fitted()
        shares = self._weights / self._weights.sum()
        points = np.empty((size, len(fitted)))
        chosen = rng.choice(len(shares), size=size, p=shares)
        for j, kernel in enumerate(fitted):
            if j and not self.fully_dimensional:
                chosen = rng.choice(len(shares), size=size, p=shares)
            low, high = kernel.bandwidth_range()
            wider = self._kernel(j, np.empty(0) if kernel.data is None else kernel.data, rng)
            wider.set_bandwidth(min(max((kernel.bandwidth or 0.0) * bandwidth_factor, low), high))
            points[:, j] = wider.sample(chosen)
        return points

    def loo_negloglikelihood(self) -> float:
        """Minus the log-likelihood of the data, each point judged by all others; the less the better.

        Raises:
            InvalidArgumentError: with fewer than two points.
        """
        kernels = self._fitted()
        if np.count_nonzero(self._weights) < 2:
            raise InvalidArgumentError("data", len(self._weights), "must be at least two points", "fit more data")
        groups = [kernels] if self.fully_dimensional else [[kernel] for kernel in kernels]
        return sum(loo_negloglikelihood(group, self._weights) for group in groups)

    def _fitted(self) -> list[Kernel]:
        if not self._kernels:
            raise InvalidArgumentError("data", None, "must be there before the density is used", "call fit first")
        return self._kernels

    def _kernel(self, column: int, data: Array, rng: np.random.Generator | None = None) -> Kernel:
        space = self.search_space
        kind, num_values = space.kinds[column], int(space.num_values[column])
        is_log = bool(getattr(space.configspace[space.column_names[column]], "log", False))
        if kind is Kind.INTEGER and num_values and not is_log:
            return WangRyzinInteger(data, None, self.fix_boundary, num_values, rng or self.rng)
        if kind in (Kind.NUMBER, Kind.INTEGER):
            return Gaussian(data, None, self.fix_boundary, None, rng or self.rng)
        discrete = WangRyzinOrdinal if kind is Kind.ORDINAL else AitchisonAitken
        return discrete(data, None, self.fix_boundary, num_values, rng or self.rng)

    def _apply_rule(self, kernels: list[Kernel]) -> None:
        dimensions = len(kernels) if self.fully_dimensional else 1
        for kernel in kernels:
            active = 0 if kernel.data is None else int(np.count_nonzero(~np.isnan(kernel.data)))
            width = float(normal_reference(np.array(kernel.deviation()), max(active, 1), dimensions))
            bandwidth = kernel.bandwidth_for(max(width, self.min_bandwidth * kernel.span()))
            kernel.set_bandwidth(min(max(bandwidth, self.min_bandwidth), kernel.bandwidth_range()[1]))

    def _maximise_likelihood(self, points: Array, most: int) -> None:
        n = len(points)
        chosen = np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.intp))
        weights = self._weights[chosen]
        if np.count_nonzero(weights) < 3:
            return
        weights = weights * (len(weights) / weights.sum())
        kernels = [self._kernel(j, points[chosen, j]) for j in range(len(self._kernels))]
        for kernel, rule in zip(kernels, self.bandwidths, strict=True):
            kernel.set_bandwidth(rule)
        groups = [kernels] if self.fully_dimensional else [[kernel] for kernel in kernels]
        for group in groups:
            maximum_likelihood(group, weights, self.min_bandwidth)
        rate = (len(chosen) / n) ** (1 / (4 + len(groups[0])))
        for kernel, small in zip(self._kernels, kernels, strict=True):
            scaled = (small.bandwidth or 0.0) * (rate**2 if kernel.is_discrete else rate)
            kernel.set_bandwidth(min(max(scaled, self.min_bandwidth), kernel.bandwidth_range()[1]))

    @staticmethod
    def _checked_weights(weights: npt.ArrayLike | None, n: int) -> Array:
        if weights is None:
            return np.ones(n)
        relative = np.asarray(weights, dtype=np.float64).reshape(-1)
        if len(relative) != n or not np.isfinite(relative).all() or np.any(relative < 0) or relative.sum() == 0:
            raise InvalidArgumentError("weights", relative, f"must be {n} numbers >= 0, not all 0", "or leave them out")
        return np.asarray(relative * (n / relative.sum()), dtype=np.float64)
