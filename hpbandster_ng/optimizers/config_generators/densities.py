"""Kernel densities over whole configurations: products of one kernel a hyperparameter.

As in ``statsmodels.nonparametric.kernel_density.KDEMultivariate`` (Li & Racine, Nonparametric Econometrics, 2007), on
which BOHB is built, but for all points at once:

* numbers and integers: the normal density;
* categories: the Aitchison-Aitken kernel;
* ordinals: the Wang-van Ryzin kernel, which falls with the distance in rank.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from hpbandster_ng.optimizers.config_generators.columns import Kind
from hpbandster_ng.optimizers.kde.bandwidths import normal_reference
from hpbandster_ng.optimizers.kde.kernels import AitchisonAitken, WangRyzinOrdinal, truncated_normal

__all__ = ["BandwidthEstimation", "Density", "ProductKernelDensity", "bandwidths", "largest_ratio"]

Array = npt.NDArray[np.float64]
BandwidthEstimation = Literal["normal_reference", "cv_ml", "cv_ls"]

_PRODUCTS_AT_ONCE = 2**17
"""Multiplications in one matrix product: few enough for the processor's cache, and for BLAS to start no threads.

Its threads wait for each other in a busy loop, which makes small products many times slower on a busy machine.
"""

_ROUNDING = 1e-9
"""Added to a bound, which may fall below the exact value by rounding."""

_STATSMODELS_TYPES = {Kind.NUMBER: "c", Kind.INTEGER: "c", Kind.CATEGORICAL: "u", Kind.ORDINAL: "o"}


class Density(Protocol):
    """What a sampler asks of a density; points are codes, shape (m, d), without NaN."""

    def log_pdf(self, points: Array) -> Array:
        """Logarithms of the density, shape (m,)."""

    def log_lower_bound(self, points: Array) -> Array:
        """Something that :meth:`log_pdf` is not below, and that may cost less; shape (m,)."""

    def sample_candidates(self, rng: np.random.Generator, size: int, bandwidth_factor: float = 1.0) -> Array:
        """Points, shape (size, d), from kernels that are wider by ``bandwidth_factor``."""


def bandwidths(
    data: Array,
    kinds: Sequence[Kind],
    num_values: npt.NDArray[np.intp],
    minimum: float = 1e-3,
    estimation: BandwidthEstimation = "normal_reference",
) -> Array:
    """Bandwidths of a product kernel density, estimated from its data.

    Args:
        data: codes, shape (n, d), without NaN.
        kinds: of each column.
        num_values: of each column, shape (d,).
        minimum: no bandwidth is smaller.
        estimation: ``"normal_reference"``, 1.06 * standard deviation * n ** (-1 / (4 + d)), or a cross-validated
            maximum of likelihood or minimum of squares, which statsmodels finds (seconds, not microseconds).

    Returns:
        Shape (d,). The rule can exceed what a discrete kernel allows; that is cut to the largest allowed.

    Example:
        >>> data = np.array([[0.1, 0], [0.5, 1], [0.9, 1]])
        >>> bandwidths(data, [Kind.NUMBER, Kind.CATEGORICAL], np.array([0, 2])).round(3)
        array([0.288, 0.416])
    """
    n, d = data.shape
    centred = data - _mean(data)
    estimates = normal_reference(np.sqrt(np.einsum("ij,ij->j", centred, centred) / n), n, d)
    if estimation != "normal_reference":
        estimates = _cross_validated(data, kinds, estimates, estimation)
    estimates = np.maximum(estimates, minimum)
    for j, kind in enumerate(kinds):
        if kind in _DISCRETE:
            estimates[j] = min(estimates[j], _DISCRETE[kind](num_values=int(num_values[j])).bandwidth_range()[1])
    return estimates


def _cross_validated(data: Array, kinds: Sequence[Kind], estimates: Array, estimation: BandwidthEstimation) -> Array:
    """Ask statsmodels about all columns but those of equal entries, which it cannot handle."""
    from statsmodels.nonparametric.kernel_density import KDEMultivariate  # noqa: PLC0415  takes a second to import

    varying = np.flatnonzero(np.ptp(data, axis=0) > 0).tolist()
    estimates = estimates.copy()
    if varying:
        types = "".join(_STATSMODELS_TYPES[kinds[j]] for j in varying)
        estimates[varying] = KDEMultivariate(data[:, varying], var_type=types, bw=estimation).bw
    return estimates


def _mean(data: Array) -> Array:
    """Mean of each column, several times faster than ``data.mean(axis=0)``."""
    return np.asarray(np.ones(len(data)) @ data / len(data))


class ProductKernelDensity:
    """The mean of one product kernel around each data point.

    Args:
        data: codes, shape (n, d), without NaN.
        bandwidths: shape (d,), greater than 0, within the range of each kernel.
        kinds: of each column.
        num_values: of each column, shape (d,).

    Example:
        >>> density = ProductKernelDensity(np.array([[0.5], [0.7]]), np.array([0.1]), [Kind.NUMBER], np.array([0]))
        >>> np.exp(density.log_pdf(np.array([[0.6], [0.0]]))).round(4)
        array([2.4197, 0.    ])
    """

    def __init__(self, data: Array, bandwidths: Array, kinds: Sequence[Kind], num_values: npt.NDArray[np.intp]) -> None:
        self.data = data
        self.bandwidths = bandwidths
        self.num_values = num_values
        self._discrete = [(j, kind) for j, kind in enumerate(kinds) if kind in _DISCRETE]
        self._is_numeric = np.array([kind not in _DISCRETE for kind in kinds], dtype=bool)
        widths = bandwidths[self._is_numeric]
        self._log_scale = -float(np.log(widths * math.sqrt(2 * math.pi)).sum()) - math.log(len(data))
        self._scale = np.where(self._is_numeric, 1 / bandwidths, 0.0)
        # Squares of small numbers lose no digits when they are subtracted from each other.
        self._centre = _mean(data)
        self._features = self._data_features()

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
        largest = np.full(len(points), -math.inf)
        total = np.zeros(len(points))
        rows_at_once = max(1, _PRODUCTS_AT_ONCE // features.size)
        for start in range(0, count, rows_at_once):
            exponents = features @ self._features[start : min(start + rows_at_once, count)].T
            new_largest = np.maximum(largest, exponents.max(axis=1))
            exponents -= new_largest[:, None]
            total *= np.exp(largest - new_largest)
            total += np.exp(exponents, out=exponents).sum(axis=1)
            largest = new_largest
        return np.asarray(np.log(total) + largest + self._log_scale)

    def sample_candidates(self, rng: np.random.Generator, size: int, bandwidth_factor: float = 1.0) -> Array:
        """Draw points around data points that are chosen uniformly.

        A number comes from a normal distribution cut to [0, 1] with ``bandwidth_factor`` times the bandwidth; a
        category is kept with probability 1 - bandwidth, else drawn uniformly; an ordinal comes from its kernel.

        Returns:
            Shape (size, d).
        """
        points = self.data[rng.integers(len(self.data), size=size)]
        if self._is_numeric.any():
            widths = bandwidth_factor * self.bandwidths[self._is_numeric]
            points[:, self._is_numeric] = truncated_normal(rng, points[:, self._is_numeric], widths)
        for j, kind in self._discrete:
            k = int(self.num_values[j])
            if kind is Kind.CATEGORICAL:
                others = rng.integers(k, size=size)
                points[:, j] = np.where(rng.random(size) < 1 - self.bandwidths[j], points[:, j], others)
            else:
                kernel = WangRyzinOrdinal(
                    points[:, j], float(self.bandwidths[j]), fix_boundary=True, num_values=k, rng=rng
                )
                points[:, j] = kernel.sample(np.arange(size))
        return points

    def _data_features(self) -> Array:
        indicators = [np.eye(self.num_values[j])[self.data[:, j].astype(np.intp)] for j, _ in self._discrete]
        return self._joined(self.data, indicators, swap=False)

    def _point_features(self, points: Array) -> Array:
        rows = [self._log_table(j, kind)[points[:, j].astype(np.intp)] for j, kind in self._discrete]
        return self._joined(points, rows, swap=True)

    def _joined(self, points: Array, discrete: list[Array], swap: bool) -> Array:
        """Columns: the scaled coordinates, minus half their squared length and a one (swapped), the discrete parts."""
        n, d = points.shape
        features = np.empty((n, d + 2 + sum(part.shape[1] for part in discrete)))
        scaled = features[:, :d]
        np.subtract(points, self._centre, out=scaled)
        scaled *= self._scale
        np.einsum("ij,ij->i", scaled, scaled, out=features[:, d + swap])
        features[:, d + swap] *= -0.5
        features[:, d + 1 - swap] = 1.0
        if discrete:
            np.concatenate(discrete, axis=1, out=features[:, d + 2 :])
        return features

    def _log_table(self, j: int, kind: Kind) -> Array:
        """Logarithms of the kernel of column j between any two of its values."""
        values = np.arange(self.num_values[j])
        return _DISCRETE[kind](values, float(self.bandwidths[j]), num_values=len(values)).log_values(values)


def largest_ratio(good: Density, bad: Density, points: Array, floor: float = 1e-32) -> int:
    """The index of the point with the largest ratio of the good density to the bad one.

    The bad density is the sum over many data points, and a part of them bounds it from below, so the ratio from above.
    Only points whose bound reaches the ratio of the most promising one need the whole sum: mostly a few.

    Args:
        good, bad: the densities.
        points: codes, shape (m, d).
        floor: smaller ratios count as equal; of equal ones the first wins.

    Example:
        >>> good, bad = (ProductKernelDensity(np.array([[x]]), np.ones(1), [Kind.NUMBER], np.zeros(1)) for x in (0, 1))
        >>> largest_ratio(good, bad, np.array([[0.5], [0.1], [0.9]]))
        1
    """
    log_good = good.log_pdf(points)
    bounds = log_good - bad.log_lower_bound(points) + _ROUNDING
    lead = int(bounds.argmax())
    ratio_of_lead = log_good[lead] - bad.log_pdf(points[lead : lead + 1])[0]
    contenders = np.flatnonzero(bounds >= max(ratio_of_lead, math.log(floor)))
    if not len(contenders):
        return 0
    log_ratios = log_good[contenders] - bad.log_pdf(points[contenders])
    return int(contenders[np.maximum(log_ratios, math.log(floor)).argmax()])


_DISCRETE = {Kind.CATEGORICAL: AitchisonAitken, Kind.ORDINAL: WangRyzinOrdinal}
