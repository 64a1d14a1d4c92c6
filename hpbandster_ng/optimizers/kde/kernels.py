"""Kernels of one hyperparameter each: how probable a value is around each value seen.

=====================  ==============================================  ========================================
kernel                 values                                          source
=====================  ==============================================  ========================================
``Gaussian``           numbers, scaled to [0, 1]                       Li & Racine (2007), ch. 1
``AitchisonAitken``    codes 0 ... c-1 of unordered categories         Aitchison & Aitken (1976), Biometrika 63
``WangRyzinOrdinal``   codes 0 ... c-1 of ordered values               Wang & van Ryzin (1981), Biometrika 68
``WangRyzinInteger``   integers, scaled to [0, 1]                      likewise
=====================  ==============================================  ========================================

``fix_boundary`` cuts the kernel at the ends of the support and scales what is left, so that it integrates (or sums)
to one there; without it a kernel near an end loses up to half of its mass to values that do not exist. The
Aitchison-Aitken kernel has no ends and needs none of that.

**Inactive hyperparameters are NaN.** A training point that is NaN says nothing about where the hyperparameter lies,
so its kernel is the uniform density of the support. A test point that is NaN has no value to be judged, so the kernel
is integrated over, which gives one. As activity follows from the values of the parents, a product of such kernels is
still a proper density over a conditional space.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, xlogy

from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["AitchisonAitken", "Array", "Gaussian", "Kernel", "WangRyzinInteger", "WangRyzinOrdinal", "truncated_normal"]

Array = npt.NDArray[np.float64]


def truncated_normal(rng: np.random.Generator, mean: Array, std: Array | float) -> Array:
    """Draw from normal distributions cut to [0, 1], by the inverse of the distribution function.

    Args:
        rng: source of randomness.
        mean: the centres, each in [0, 1].
        std: the standard deviations before the cut, greater than 0.

    Example:
        >>> draws = truncated_normal(np.random.default_rng(1), np.zeros(1000), 0.1)
        >>> bool(draws.min() >= 0), bool(draws.max() < 0.5)
        (True, True)
    """
    low, high = ndtr(-mean / std), ndtr((1 - mean) / std)
    quantiles = low + (high - low) * rng.random(np.shape(mean))
    return np.asarray(np.clip(mean + std * ndtri(quantiles), 0.0, 1.0), dtype=np.float64)


class Kernel:
    """What the kernels share.

    Args:
        data: training values, shape (n_train,); NaN marks an inactive hyperparameter.
        bandwidth: the width; what it means, and its range, stand with each kernel.
        fix_boundary: cut at the ends of the support and normalise.
        num_values: how many values a discrete hyperparameter has; taken from the largest code where it is None.
        rng: source of randomness of :meth:`sample`.

    Raises:
        InvalidArgumentError: for data or a bandwidth outside of their ranges.
    """

    is_discrete: ClassVar[bool] = True

    def __init__(
        self,
        data: npt.ArrayLike | None = None,
        bandwidth: float | None = None,
        fix_boundary: bool = False,
        num_values: int | None = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.data = None if data is None else np.asarray(data, dtype=np.float64).reshape(-1)
        self.fix_boundary = fix_boundary
        self.num_values = self._checked_num_values(num_values)
        self.rng = np.random.default_rng() if rng is None else rng
        self.bandwidth: float | None = None
        self._check_data()
        if bandwidth is not None:
            self.set_bandwidth(bandwidth)

    def set_bandwidth(self, b: float) -> None:
        """Change the width.

        Raises:
            InvalidArgumentError: if it is outside of :meth:`bandwidth_range`.
        """
        low, high = self.bandwidth_range()
        if not low <= b <= high:
            rule = f"must be between {low:.4g} and {high:.4g} for {type(self).__name__}"
            raise InvalidArgumentError("bandwidth", b, rule, "a width of 0 means no smoothing")
        self.bandwidth = float(b)

    def bandwidth_range(self) -> tuple[float, float]:
        """The smallest and the largest width that make sense."""
        raise NotImplementedError

    def deviation(self) -> float:
        """The spread of the active training values, in the unit that :meth:`bandwidth_for` reads."""
        raise NotImplementedError

    def span(self) -> float:
        """The length of the hyperparameter's range, in the same unit."""
        return 1.0

    def bandwidth_for(self, width: float) -> float:
        """The bandwidth of a kernel whose spread is ``width``, at most the largest that makes sense."""
        return min(width, self.bandwidth_range()[1])

    def __call__(self, x_test: npt.ArrayLike) -> Array:
        """Kernel values, shape (n_train, n_test)."""
        return np.asarray(np.exp(self.log_values(x_test)))

    def log_values(self, x_test: npt.ArrayLike) -> Array:
        """Logarithms of the kernel values, shape (n_train, n_test); they do not underflow."""
        data, bandwidth = self._fitted()
        x = np.asarray(x_test, dtype=np.float64).reshape(-1)
        data_inactive, x_inactive = np.isnan(data), np.isnan(x)
        filler = self._any_value()
        active_data, active_x = np.where(data_inactive, filler, data), np.where(x_inactive, filler, x)
        values = self._log_values(active_data[:, None], active_x[None, :], bandwidth)
        values[data_inactive, :] = self._log_uniform()
        values[:, x_inactive] = 0.0
        return values

    def sample(self, sample_indices: npt.ArrayLike | None = None, num_samples: int = 1) -> Array:
        """Draw values around training values.

        Args:
            sample_indices: around which training values, one draw each; by default ``num_samples`` of them are
                chosen uniformly.
            num_samples: how many, where ``sample_indices`` is None.

        Returns:
            Shape (number of draws,); around an inactive value, a uniform draw from the support.
        """
        data, bandwidth = self._fitted()
        if sample_indices is None:
            indices = self.rng.integers(len(data), size=num_samples)
        else:
            indices = np.asarray(sample_indices, dtype=np.intp).reshape(-1)
        centres = data[indices]
        inactive = np.isnan(centres)
        uniform = self._sample_uniform(len(centres))
        draws = self._sample(np.where(inactive, uniform, centres), bandwidth)
        return np.where(inactive, uniform, draws)

    def _fitted(self) -> tuple[Array, float]:
        if self.data is None or len(self.data) == 0:
            raise InvalidArgumentError("data", self.data, "must hold at least one value", "hand in the training values")
        if self.bandwidth is None:
            raise InvalidArgumentError("bandwidth", None, "must be set before use", "call set_bandwidth first")
        return self.data, self.bandwidth

    def _active(self) -> Array:
        return np.empty(0) if self.data is None else self.data[~np.isnan(self.data)]

    def _checked_num_values(self, num_values: int | None) -> int:
        if num_values is None:
            active = self._active()
            return int(active.max()) + 1 if len(active) else 1
        if num_values < 1:
            raise InvalidArgumentError("num_values", num_values, "must be at least 1", "count the possible values")
        return int(num_values)

    def _check_data(self) -> None:
        active = self._active()
        if np.any((active != np.floor(active)) | (active < 0) | (active >= self.num_values)):
            rule = f"must consist of whole numbers from 0 to {self.num_values - 1}, or NaN"
            raise InvalidArgumentError("data", self.data, rule, "encode each value by its position")

    def _any_value(self) -> float:
        return 0.0

    def _log_uniform(self) -> float:
        return -math.log(self.num_values)

    def _sample_uniform(self, n: int) -> Array:
        return self.rng.integers(self.num_values, size=n).astype(np.float64)

    def _log_values(self, data: Array, x: Array, bandwidth: float) -> Array:
        raise NotImplementedError

    def _sample(self, centres: Array, bandwidth: float) -> Array:
        raise NotImplementedError


class Gaussian(Kernel):
    """The normal density; the bandwidth is its standard deviation, greater than 0.

    Example:
        >>> kernel = Gaussian([0.0], bandwidth=0.1, fix_boundary=True)
        >>> bool(np.isclose(kernel(np.linspace(0, 1, 10001)).mean(), 1.0, atol=1e-3))   # the mass inside [0, 1]
        True
    """

    is_discrete = False

    def bandwidth_range(self) -> tuple[float, float]:
        return float(np.finfo(np.float64).tiny), math.inf

    def deviation(self) -> float:
        active = self._active()
        return float(np.std(active)) if len(active) else 0.0

    def _checked_num_values(self, num_values: int | None) -> int:
        return 1

    def _check_data(self) -> None:
        active = self._active()
        if self.fix_boundary and np.any((active < 0) | (active > 1)):
            raise InvalidArgumentError("data", self.data, "must lie in [0, 1]", "scale it, or use fix_boundary=False")

    def _log_uniform(self) -> float:
        return 0.0

    def _sample_uniform(self, n: int) -> Array:
        return self.rng.random(n)

    def _log_values(self, data: Array, x: Array, bandwidth: float) -> Array:
        values = -0.5 * ((x - data) / bandwidth) ** 2 - math.log(bandwidth * math.sqrt(2 * math.pi))
        if self.fix_boundary:
            values -= np.log(ndtr((1 - data) / bandwidth) - ndtr(-data / bandwidth))
            values = np.where((x < 0) | (x > 1), -np.inf, values)
        return np.asarray(values)

    def _sample(self, centres: Array, bandwidth: float) -> Array:
        if self.fix_boundary:
            return truncated_normal(self.rng, centres, bandwidth)
        return self.rng.normal(centres, bandwidth)


class AitchisonAitken(Kernel):
    """Unordered categories: the value itself has probability 1 - bandwidth, the others share the rest equally.

    The bandwidth lies between 0 (no smoothing) and (c - 1) / c (uniform).

    Example:
        >>> AitchisonAitken([0, 2], bandwidth=0.2, num_values=3)([0, 1, 2])
        array([[0.8, 0.1, 0.1],
               [0.1, 0.1, 0.8]])
    """

    def bandwidth_range(self) -> tuple[float, float]:
        return 0.0, (self.num_values - 1) / self.num_values

    def deviation(self) -> float:
        """Standard deviation where any two different categories are one apart.

        It does not depend on how the categories are numbered, and is that of the codes 0 and 1 for two categories.
        """
        active = self._active()
        if not len(active):
            return 0.0
        shares = np.unique(active, return_counts=True)[1] / len(active)
        return math.sqrt(max(0.0, 1 - float(shares @ shares)) / 2)

    def _log_values(self, data: Array, x: Array, bandwidth: float) -> Array:
        others = bandwidth / max(1, self.num_values - 1)
        log_others = math.log(others) if others > 0 else -math.inf
        return np.asarray(np.where(data == x, math.log1p(-bandwidth), log_others), dtype=np.float64)

    def _sample(self, centres: Array, bandwidth: float) -> Array:
        shifts = self.rng.integers(1, max(2, self.num_values), size=len(centres))
        moves = self.rng.random(len(centres)) < bandwidth
        return np.where(moves, (centres + shifts) % self.num_values, centres)


class WangRyzinOrdinal(Kernel):
    """Ordered values: the value itself has weight 1 - b, one that is d steps away (1 - b) b**d / 2.

    The bandwidth b lies between 0 (no smoothing) and 1 (excluded).

    Example:
        >>> WangRyzinOrdinal([1], bandwidth=0.5, num_values=3)([0, 1, 2])
        array([[0.125, 0.5  , 0.125]])
        >>> float(WangRyzinOrdinal([1], bandwidth=0.5, num_values=3, fix_boundary=True)([0, 1, 2]).sum())
        1.0
    """

    def bandwidth_range(self) -> tuple[float, float]:
        return 0.0, 1.0 - 1e-6

    def deviation(self) -> float:
        """Standard deviation, in steps between neighbouring values."""
        active = self._active()
        return float(np.std(self._levels(active))) if len(active) else 0.0

    def span(self) -> float:
        return float(self.num_values)

    def bandwidth_for(self, width: float) -> float:
        """The b for which the kernel's standard deviation, sqrt(b (1 + b)) / (1 - b) steps, is ``width``."""
        squared = width**2
        solution = 2 * squared / (2 * squared + 1 + math.sqrt(8 * squared + 1))
        return min(solution, self.bandwidth_range()[1])

    def _levels(self, x: Array) -> Array:
        return x

    def _values(self, levels: Array) -> Array:
        return levels

    def _log_values(self, data: Array, x: Array, bandwidth: float) -> Array:
        last = self.num_values - 1
        centre, level = self._levels(data), self._levels(x)
        distance = np.abs(level - centre)
        values = xlogy(distance, bandwidth) + np.log1p(-bandwidth) - np.where(distance == 0, 0.0, math.log(2))
        if self.fix_boundary:
            tails = 0.5 * bandwidth * (2 - bandwidth**centre - bandwidth ** (last - centre))
            values -= np.log(1 - bandwidth + tails)
            values = np.where((level < 0) | (level > last), -np.inf, values)
        return np.asarray(values, dtype=np.float64)

    def _sample(self, centres: Array, bandwidth: float) -> Array:
        if bandwidth == 0:
            return centres
        levels = self._levels(centres)
        if self.fix_boundary:
            room_below, room_above = levels, self.num_values - 1 - levels
        else:
            room_below = room_above = np.full(len(levels), np.inf)
        below = 0.5 * bandwidth * (1 - bandwidth**room_below)
        above = 0.5 * bandwidth * (1 - bandwidth**room_above)
        choice = self.rng.random(len(levels)) * (1 - bandwidth + below + above)
        direction = np.where(choice < below, -1, np.where(choice < below + above, 1, 0))
        room = np.where(direction < 0, room_below, room_above)
        mass = self.rng.random(len(levels)) * (1 - bandwidth**room)
        steps = np.minimum(1 + np.floor(np.log1p(-mass) / math.log(bandwidth)), room)
        return self._values(levels + np.where(direction == 0, 0, direction * steps))


class WangRyzinInteger(WangRyzinOrdinal):
    """:class:`WangRyzinOrdinal` for integers that are scaled to [0, 1], where each owns an interval of equal length.

    The k-th of n integers is anything in [k/n, (k+1)/n); draws are the middles of those intervals.

    Example:
        >>> WangRyzinInteger([0.5], bandwidth=0.5, num_values=3)([1 / 6, 3 / 6, 5 / 6])
        array([[0.125, 0.5  , 0.125]])
    """

    def _checked_num_values(self, num_values: int | None) -> int:
        if num_values is None:
            raise InvalidArgumentError("num_values", None, "must be given for integers", "count the possible values")
        return super()._checked_num_values(num_values)

    def _check_data(self) -> None:
        active = self._active()
        if np.any((active < 0) | (active > 1)):
            raise InvalidArgumentError("data", self.data, "must lie in [0, 1]", "scale the integers to [0, 1]")

    def _levels(self, x: Array) -> Array:
        return np.minimum(np.floor(x * self.num_values), np.where(x <= 1, self.num_values - 1, np.inf))

    def _values(self, levels: Array) -> Array:
        return (levels + 0.5) / self.num_values

    def _sample_uniform(self, n: int) -> Array:
        return self._values(super()._sample_uniform(n))
