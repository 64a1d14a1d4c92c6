"""Kernel densities over whole configurations: products of one kernel a hyperparameter.

As in ``statsmodels.nonparametric.kernel_density.KDEMultivariate`` (Li & Racine, Nonparametric Econometrics, 2007), on
which BOHB is built, but for all points at once:

* numbers and integers: the normal density;
* categories: the Aitchison-Aitken kernel;
* ordinals: the Wang-van Ryzin kernel, which falls with the distance in rank.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from hpbandster_ng.optimizers.config_generators.columns import Kind
from hpbandster_ng.optimizers.kde.bandwidths import normal_reference
from hpbandster_ng.optimizers.kde.kernels import AitchisonAitken, Kernel, WangRyzinOrdinal, truncated_normal

__all__ = ["BandwidthEstimation", "Density", "Layout", "ProductKernelDensity", "largest_ratio"]

Array = npt.NDArray[np.float64]
BandwidthEstimation = Literal["normal_reference", "cv_ml", "cv_ls"]

_PRODUCTS_AT_ONCE = 2**18
"""Multiplications in one matrix product: few enough for the processor's cache, and for OpenBLAS to start no threads.

Its threads wait for each other in a busy loop, which makes small products many times slower on a busy machine.
"""

_ALMOST_UNDERFLOW = 1e-280
"""A sum of exponentials below has lost digits; it is computed again, slower, from its largest term."""

_ROUNDING = 1e-9
"""Added to a bound, which may fall below the exact value by rounding."""

_LEADERS = 6
"""So many of the most promising points get the whole sum at once."""

_DISCRETE_KERNELS = {Kind.CATEGORICAL: AitchisonAitken, Kind.ORDINAL: WangRyzinOrdinal}
_STATSMODELS_TYPES = {Kind.NUMBER: "c", Kind.INTEGER: "c", Kind.CATEGORICAL: "u", Kind.ORDINAL: "o"}


class Density(Protocol):
    """What a sampler asks of a density; points are codes, shape (m, d), without NaN."""

    def log_pdf(self, points: Array) -> Array:
        """Logarithms of the density, shape (m,)."""

    def log_lower_bound(self, points: Array) -> Array:
        """Something that :meth:`log_pdf` is not below, and that may cost less; shape (m,)."""

    def sample_candidates(self, rng: np.random.Generator, size: int, bandwidth_factor: float = 1.0) -> Array:
        """Points, shape (size, d), from kernels that are wider by ``bandwidth_factor``."""


class Layout:
    """What the columns of the data are, worked out once for all densities over a space.

    Args:
        kinds: of each column.
        num_values: how many values each column can take, shape (d,); only discrete ones are asked.

    Attributes:
        numeric: which columns have a normal density: a mask of shape (d,), or a slice (which is faster) for all.
        discrete: index, kernel and number of values of each other column.
        largest_bandwidths: beyond which a kernel is no density, shape (d,).
        statsmodels_types: a letter a column, as ``KDEMultivariate`` reads them.
    """

    def __init__(self, kinds: Sequence[Kind], num_values: npt.NDArray[np.intp]) -> None:
        kernels = [_DISCRETE_KERNELS.get(kind) for kind in kinds]
        is_numeric = np.array([kernel is None for kernel in kernels], dtype=bool)
        self.numeric = slice(None) if is_numeric.all() else is_numeric
        self.discrete = [(j, kernel, int(num_values[j])) for j, kernel in enumerate(kernels) if kernel is not None]
        self.largest_bandwidths = np.full(len(kinds), math.inf)
        for j, kernel, k in self.discrete:
            self.largest_bandwidths[j] = kernel(num_values=k).bandwidth_range()[1]
        self.statsmodels_types = "".join(_STATSMODELS_TYPES[kind] for kind in kinds)


class ProductKernelDensity:
    """The mean of one product kernel around each data point.

    Args:
        data: codes, shape (n, d), without NaN.
        layout: what the columns are.
        bandwidths: shape (d,); None estimates them.
        min_bandwidth: no estimated bandwidth is smaller.
        estimation: ``"normal_reference"``, 1.06 * standard deviation * n ** (-1 / (4 + d)), or a cross-validated
            maximum of likelihood or minimum of squares, which statsmodels finds (seconds, not microseconds).

    Attributes:
        data: as given.
        bandwidths: shape (d,); the rules can exceed what a discrete kernel allows, which is cut to the largest allowed.

    Example:
        >>> layout = Layout([Kind.NUMBER], np.array([0]))
        >>> density = ProductKernelDensity(np.array([[0.5], [0.7]]), layout, bandwidths=np.array([0.1]))
        >>> np.exp(density.log_pdf(np.array([[0.6], [0.0]]))).round(4)
        array([2.4197, 0.    ])
        >>> ProductKernelDensity(np.array([[0.5], [0.7]]), layout).bandwidths.round(3)
        array([0.092])
    """

    def __init__(
        self,
        data: Array,
        layout: Layout,
        bandwidths: Array | None = None,
        min_bandwidth: float = 1e-3,
        estimation: BandwidthEstimation = "normal_reference",
    ) -> None:
        self.data = data
        self._layout = layout
        # Squares of small numbers lose no digits when they are subtracted from each other.
        self._centre = np.einsum("ij->j", data) / len(data)  # several times faster than a mean over axis 0
        self._features, centred = self._centred_features(data)
        if bandwidths is None:
            bandwidths = self._estimated(centred, estimation)
            bandwidths = np.minimum(np.maximum(bandwidths, min_bandwidth), layout.largest_bandwidths)
        self.bandwidths = bandwidths
        scales = 1 / bandwidths[layout.numeric]
        self._log_scale = float(np.log(scales / math.sqrt(2 * math.pi)).sum()) - math.log(len(data))
        self._scale = np.zeros(len(bandwidths))
        self._scale[layout.numeric] = scales
        indicators = [np.eye(k)[:, data[:, j].astype(np.intp)] for j, _, k in layout.discrete]
        self._complete(self._features, centred, indicators, is_data=True)

    def log_pdf(self, points: Array) -> Array:
        """Logarithms of the density.

        Args:
            points: codes, shape (m, d), without NaN.

        Returns:
            Shape (m,).
        """
        return self._log_mean(points, len(self.data))

    def log_lower_bound(self, points: Array) -> Array:
        """What the first eighth of the data contributes to :meth:`log_pdf`."""
        return self._log_mean(points, math.ceil(len(self.data) / 8))

    def _log_mean(self, points: Array, count: int) -> Array:
        """Logarithms of the sum of the first kernels over the number of all.

        The logarithm of a product kernel is a scalar product: of scaled coordinates for numbers, since
        ``-(a - b)**2 / 2 = a*b - a**2/2 - b**2/2``, and of a row of the kernel's table with an indicator for discrete
        values. So all pairs of points are one matrix product.
        """
        features = self._point_features(points)
        total = np.zeros(len(points))
        points_at_once = max(1, _PRODUCTS_AT_ONCE // features.size)
        for start in range(0, count, points_at_once):
            exponents = features.T @ self._features[:, start : min(start + points_at_once, count)]
            total += np.exp(exponents, out=exponents).sum(axis=1)  # no exponent is positive
        lost = np.flatnonzero(total < _ALMOST_UNDERFLOW)
        logs = np.log(np.maximum(total, _ALMOST_UNDERFLOW))
        if len(lost):
            logs[lost] = logsumexp(features[:, lost].T @ self._features[:, :count], axis=1)
        return np.asarray(logs + self._log_scale)

    def sample_candidates(self, rng: np.random.Generator, size: int, bandwidth_factor: float = 1.0) -> Array:
        """Draw points around data points that are chosen uniformly.

        A number comes from a normal distribution cut to [0, 1] with ``bandwidth_factor`` times the bandwidth; a
        category is kept with probability 1 - bandwidth, else drawn uniformly; an ordinal comes from its kernel.

        Returns:
            Shape (size, d).
        """
        points = self.data[rng.integers(len(self.data), size=size)]
        numeric = self._layout.numeric
        points[:, numeric] = truncated_normal(rng, points[:, numeric], bandwidth_factor * self.bandwidths[numeric])
        for j, kernel, k in self._layout.discrete:
            bandwidth = float(self.bandwidths[j])
            if kernel is AitchisonAitken:
                others = rng.integers(k, size=size)
                points[:, j] = np.where(rng.random(size) < 1 - bandwidth, points[:, j], others)
            else:
                points[:, j] = kernel(points[:, j], bandwidth, True, k, rng).sample(np.arange(size))
        return points

    def _estimated(self, centred: Array, estimation: BandwidthEstimation) -> Array:
        d, n = centred.shape
        estimates = normal_reference(np.sqrt(np.einsum("ij,ij->i", centred, centred) / n), n, d)
        varying = np.flatnonzero(np.ptp(centred, axis=1)).tolist() if estimation != "normal_reference" else []
        if varying:  # statsmodels cannot handle columns of equal entries
            from statsmodels.nonparametric.kernel_density import KDEMultivariate  # noqa: PLC0415  takes a second

            types = "".join(self._layout.statsmodels_types[j] for j in varying)
            with warnings.catch_warnings():  # 0.15 announces another random generator, which is not used here
                warnings.simplefilter("ignore", FutureWarning)
                estimates[varying] = KDEMultivariate(self.data[:, varying], var_type=types, bw=estimation).bw
        return estimates

    def _point_features(self, points: Array) -> Array:
        features, centred = self._centred_features(points)
        tables = [(j, self._log_table(kernel, float(self.bandwidths[j]), k)) for j, kernel, k in self._layout.discrete]
        rows = [table[:, points[:, j].astype(np.intp)] for j, table in tables]
        self._complete(features, centred, rows, is_data=False)
        return features

    def _centred_features(self, points: Array) -> tuple[Array, Array]:
        """Room for the features of points, shape (features, m), and its part that holds their coordinates."""
        m, d = points.shape
        features = np.empty((d + 2 + sum(k for _, _, k in self._layout.discrete), m))
        return features, np.subtract(points.T, self._centre[:, None], out=features[:d])

    def _complete(self, features: Array, centred: Array, discrete: list[Array], is_data: bool) -> None:
        """Scale the coordinates and add: minus half their squared length, a one, and what stands for discrete values.

        In the features of the data the former two change places, so that each meets a one.
        """
        d = len(centred)
        centred *= self._scale[:, None]
        np.einsum("ij,ij->j", centred, centred, out=features[d + is_data])
        features[d + is_data] *= -0.5
        features[d + 1 - is_data] = 1.0
        if discrete:
            np.concatenate(discrete, axis=0, out=features[d + 2 :])

    @staticmethod
    def _log_table(kernel: type[Kernel], bandwidth: float, k: int) -> Array:
        """Logarithms of a kernel between any two of its values."""
        return kernel(np.arange(k), bandwidth, num_values=k).log_values(np.arange(k))


def largest_ratio(good: Density, bad: Density, points: Array, floor: float = 1e-32) -> int:
    """The index of the point with the largest ratio of the good density to the bad one.

    The bad density is the sum over many data points, and a part of them bounds it from below, so the ratio from above.
    Only points whose bound exceeds the best ratio among the most promising ones need the whole sum: mostly none.

    Args:
        good, bad: the densities.
        points: codes, shape (m, d).
        floor: smaller ratios count as equal; of equal ones the first wins.

    Example:
        >>> layout = Layout([Kind.NUMBER], np.array([0]))
        >>> good, bad = (ProductKernelDensity(np.array([[x]]), layout, np.array([1.0])) for x in (0.0, 1.0))
        >>> largest_ratio(good, bad, np.array([[0.5], [0.1], [0.9]]))
        1
    """
    log_good = good.log_pdf(points)
    bounds = log_good - bad.log_lower_bound(points) + _ROUNDING
    ratios = np.full(len(points), math.log(floor))
    leaders = np.argsort(-bounds, kind="stable")[:_LEADERS]
    ratios[leaders] = np.maximum(ratios[leaders], log_good[leaders] - bad.log_pdf(points[leaders]))
    bounds[leaders] = -math.inf
    others = np.flatnonzero(bounds > ratios.max())
    if len(others):
        ratios[others] = np.maximum(ratios[others], log_good[others] - bad.log_pdf(points[others]))
    return int(ratios.argmax())
