"""How likely an evaluation is to succeed, where many fail."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hpbandster_ng.optimizers.gaussian_process.kernel import Kernel, matern, squared_distances

__all__ = ["Feasibility"]

Array = npt.NDArray[np.float64]

_TOLERATED = 0.2
"""Up to this share, failures count as bad losses and as nothing else."""


class Feasibility:
    """The share of successes around a configuration, as if one more evaluation had ended as they do on average.

    Configurations near each other in the sense of the model's kernel count in full, those far away not at all, and the
    budget does not matter. Source: the estimator of Nadaraya, On Estimating Regression, Theory of Probability and Its
    Applications 9, 1964, with a prior.

    Args:
        kernel: the model's.
        features: of evaluations, shape (n, features).
        is_success: whether each succeeded, shape (n,).

    Example:
        >>> kernel = Kernel(np.array([4.0, 1.0]), variance=1.0, offset_variance=0.0, noise=0.1)
        >>> features = np.array([[0.0, 1.0], [0.1, 1.0], [0.9, 1.0], [1.0, 1.0]])
        >>> feasibility = Feasibility(kernel, features, np.array([True, True, False, False]))
        >>> np.exp(feasibility.logarithm(np.array([[0.0, 1.0], [1.0, 1.0]]))).round(2)
        array([0.82, 0.18])
    """

    def __init__(self, kernel: Kernel, features: Array, is_success: npt.NDArray[np.bool_]) -> None:
        self._scales = kernel.inverse_scales[:-1]
        self._points = features[:, :-1] * self._scales
        self._is_success = is_success
        self._share = float(is_success.mean()) if len(is_success) else 1.0

    def logarithm(self, features: Array) -> Array:
        """The logarithm of the probability of success, shape (m,); 0 as long as failures are few."""
        if 1.0 - self._share <= _TOLERATED or not self._share:
            return np.zeros(len(features))
        nearness = matern(squared_distances(features[:, :-1] * self._scales, self._points))
        return np.asarray(np.log((nearness @ self._is_success + self._share) / (nearness.sum(axis=1) + 1.0)))
