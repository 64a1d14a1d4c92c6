"""Kernel densities over whole configurations: products of one kernel a hyperparameter.

As in ``statsmodels.nonparametric.kernel_density.KDEMultivariate`` (Li & Racine, Nonparametric Econometrics, 2007), on
which BOHB is built, but for all points at once:

* numbers and integers: the normal density;
* categories: the Aitchison-Aitken kernel;
* ordinals: the Wang-van Ryzin kernel, which falls with the distance in rank.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from hpbandster_ng.optimizers.config_generators.columns import Kind
from hpbandster_ng.optimizers.kde.bandwidths import normal_reference
from hpbandster_ng.optimizers.kde.kernels import AitchisonAitken, Kernel, WangRyzinOrdinal, truncated_normal

__all__ = ["BandwidthEstimation", "CategoricalBandwidth", "Density", "Layout", "ProductKernelDensity", "largest_ratio"]

Array = npt.NDArray[np.float64]
BandwidthEstimation = Literal["normal_reference", "cv_ml", "cv_ls"]
CategoricalBandwidth = Literal["reference", "capped"]

_PRODUCTS_AT_ONCE = 2**18
"""Multiplications in one matrix product: few enough for the processor's cache, and for OpenBLAS to start no threads.

Its threads wait for each other in a busy loop, which makes small products many times slower on a busy machine.
"""

_ROUNDING = 1e-5
"""Added to a bound, which may fall below the exact value by rounding."""

_TINY = 1e-300
"""In place of a kernel's value of 0, whose logarithm no matrix product survives."""

_FLOOR = 1e-32
"""What a density that is not positive counts as; the predecessor's figure."""

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
        largest_bandwidths: where a kernel is as wide as it makes sense, shape (d,).
        is_category: which columns are categories of more than one value, shape (d,).
        statsmodels_types: a letter a column, as ``KDEMultivariate`` reads them.
    """

    def __init__(self, kinds: Sequence[Kind], num_values: npt.NDArray[np.intp]) -> None:
        kernels = [_DISCRETE_KERNELS.get(kind) for kind in kinds]
        is_numeric = np.array([kernel is None for kernel in kernels], dtype=bool)
        self.numeric = slice(None) if is_numeric.all() else is_numeric
        self.discrete = [(j, kernel, int(num_values[j])) for j, kernel in enumerate(kernels) if kernel is not None]
        self.is_category = (num_values > 1) & np.array([kind is Kind.CATEGORICAL for kind in kinds], dtype=bool)
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
        categorical_bandwidth: what becomes of an estimated bandwidth h of a category of k values. Its kernel gives
            1 - h to the value itself and h / (k - 1) to each other one: uniform at h = (k - 1) / k, anything *but* the
            value itself beyond, and negative beyond 1. The rule knows none of this: the more values, the wider.
            ``"capped"`` cuts h to (k - 1) / k; ``"reference"`` leaves it, and a density that comes out negative counts
            as 1e-32, as in the predecessor; None is the reference as long as it is a density, and capped in all
            categories where an h is above 1, or cross-validated.
        exponentials: the type in which the kernels' exponentials are computed; with ``np.float32``, which takes a
            third of the time, densities have a relative error of up to 1e-5.

    Attributes:
        data: as given.
        bandwidths: shape (d,); those of ordinals are at most 1.

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
        exponentials: type[np.floating[Any]] = np.float64,
        categorical_bandwidth: CategoricalBandwidth | None = None,
    ) -> None:
        self.data = data
        self._layout = layout
        self._exponentials = exponentials
        weights = np.full(len(data), 1 / len(data))
        # Squares of small numbers lose no digits when they are subtracted from each other.
        self._centre = weights @ data
        centred = data - self._centre
        squares = centred * centred
        if bandwidths is None:
            bandwidths = np.maximum(self._estimated(weights @ squares, estimation), min_bandwidth)
            is_rule = estimation == "normal_reference" or categorical_bandwidth is not None
            bandwidths = _bounded(bandwidths, layout, categorical_bandwidth if is_rule else "capped")
        self.bandwidths = bandwidths
        widths = bandwidths[layout.numeric]
        self._log_scale = -float(np.log(widths * math.sqrt(2 * math.pi)).sum()) - math.log(len(data))
        self._precisions = np.zeros(len(bandwidths))
        self._precisions[layout.numeric] = widths**-2
        self._half_squares = squares @ (0.5 * self._precisions)
        indicators = [np.eye(k)[data[:, j].astype(np.intp)] for j, _, k in layout.discrete]
        self._features = np.hstack([centred, *indicators]) if indicators else centred
        self._negative = [(j, k) for j, _, k in layout.discrete if layout.is_category[j] and bandwidths[j] > 1]
        self._flips = self._indicators(data)

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
        return self._log_mean(points, len(self.data) if self._negative else math.ceil(len(self.data) / 8))

    def _log_mean(self, points: Array, count: int) -> Array:
        """Logarithms of the sum of the first kernels over the number of all.

        The logarithm of a product kernel is a scalar product: for numbers since
        ``-(a - b)**2 / 2 = a*b - b**2/2 - a**2/2``, for discrete values of a row of the kernel's table with an
        indicator. So all pairs of points are one matrix product.
        """
        features, half_squares = self._point_features(points)
        if self._negative:
            total = self._log_signed_sum(features, self._indicators(points)) - half_squares + self._log_scale
            return np.maximum(total, math.log(_FLOOR))
        step = max(1, _PRODUCTS_AT_ONCE // features.size)
        parts = [self._log_sum(features, slice(i, min(i + step, count))) for i in range(0, count, step)]
        total = parts[0] if len(parts) == 1 else np.logaddexp.reduce(parts)
        return np.asarray(total - half_squares + self._log_scale)

    def _log_sum(self, features: Array, part: slice) -> Array:
        exponents = features @ self._features[part].T
        exponents -= self._half_squares[part]
        largest = exponents.max(axis=1)  # taken out of the sum, which else could overflow or vanish
        exponents -= largest[:, None]
        return np.asarray(largest + np.log(np.exp(exponents, dtype=self._exponentials).sum(axis=1)))

    def _log_signed_sum(self, features: Array, flips: Array) -> Array:
        """As :meth:`_log_sum` of all the data, with a kernel negative for each category where it is and that is met."""
        exponents = features @ self._features.T - self._half_squares
        largest = exponents.max(axis=1)
        signs = 1 - 2 * ((flips @ self._flips.T) % 2)
        sums = (signs * np.exp(exponents - largest[:, None])).sum(axis=1)
        return np.asarray(largest + np.log(np.maximum(sums, np.finfo(float).tiny)))

    def _indicators(self, points: Array) -> Array:
        """Which value each point has in the columns of negative kernels, shape (n, values)."""
        blocks = [np.eye(k)[points[:, j].astype(np.intp)] for j, k in self._negative]
        return np.hstack(blocks) if blocks else np.empty((len(points), 0))

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

    def _estimated(self, variances: Array, estimation: BandwidthEstimation) -> Array:
        estimates = normal_reference(np.sqrt(variances), *self.data.shape)
        if estimation == "normal_reference":
            return estimates
        types = self._layout.statsmodels_types
        varying = [j for j, column in enumerate(self.data.T) if _varies_without_one(column, types[j])]
        if varying:
            estimates[varying] = _cross_validated(self.data[:, varying], "".join(types[j] for j in varying), estimation)
        return estimates

    def _point_features(self, points: Array) -> tuple[Array, Array]:
        """What meets the features of the data, shape (m, features), and the half squares, shape (m,)."""
        centred = points - self._centre
        scaled = centred * self._precisions
        half_squares = 0.5 * np.einsum("ij,ij->i", centred, scaled)
        tables = [(j, self._log_table(kernel, float(self.bandwidths[j]), k)) for j, kernel, k in self._layout.discrete]
        rows = [table[:, points[:, j].astype(np.intp)].T for j, table in tables]
        return (np.hstack([scaled, *rows]) if rows else scaled), half_squares

    @staticmethod
    def _log_table(kernel: type[Kernel], bandwidth: float, k: int) -> Array:
        """Logarithms of a kernel, or of minus a negative one, between any two of its values."""
        if kernel is AitchisonAitken:  # whose own class refuses the bandwidths of the reference rule
            same, other = (math.log(max(abs(value), _TINY)) for value in (1 - bandwidth, bandwidth / max(1, k - 1)))
            return np.where(np.eye(k, dtype=bool), same, other)
        return kernel(np.arange(k), bandwidth, num_values=k).log_values(np.arange(k))


def _bounded(bandwidths: Array, layout: Layout, categorical_bandwidth: CategoricalBandwidth | None) -> Array:
    capped: Array = np.minimum(bandwidths, layout.largest_bandwidths)
    is_negative = (bandwidths[layout.is_category] > 1).any()
    if categorical_bandwidth == "capped" or (categorical_bandwidth is None and is_negative):
        return capped
    return np.where(layout.is_category, bandwidths, capped)


def _varies_without_one(column: Array, statsmodels_type: str) -> bool:
    """Whether statsmodels can leave out any entry: it divides by zero where equal ones remain."""
    counts = np.unique(column, return_counts=True)[1]
    return len(counts) > 1 and (statsmodels_type != "u" or len(counts) > 2 or counts.min() > 1)


def _cross_validated(data: Array, types: str, estimation: BandwidthEstimation) -> Array:
    """What statsmodels finds; it draws random numbers only for its ``efficient`` estimate, which is not used here."""
    from statsmodels.nonparametric.kernel_density import KDEMultivariate  # noqa: PLC0415  takes a second

    takes_generator = "rng" in inspect.signature(KDEMultivariate).parameters  # since 0.15, else the global one
    options = {"rng": np.random.default_rng(0)} if takes_generator else {}
    return np.asarray(KDEMultivariate(data, var_type=types, bw=estimation, **options).bw)


def largest_ratio(good: Density, bad: Density, points: Array, floor: float = _FLOOR) -> int:
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
