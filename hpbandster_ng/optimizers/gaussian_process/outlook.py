"""Predictions at fixed points while evaluations are sent out one after the other."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from hpbandster_ng.optimizers.gaussian_process.fitting import JITTER
from hpbandster_ng.optimizers.gaussian_process.posterior import SMALLEST_VARIANCE, Posterior, solved

__all__ = ["Outlook"]

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]


class Outlook:
    """The posterior at some points, kept up to date as evaluations become pending; each costs O(n m), not O(n**2 m).

    Args:
        posterior: of n observations.

    Attributes:
        features: of the points, shape (m, features).
        means: shape (m,); pending evaluations are expected to end as predicted, so they never change.
        variances: of the function, without noise, shape (m,).

    Example:
        >>> from hpbandster_ng.optimizers.gaussian_process.kernel import Kernel
        >>> kernel = Kernel(np.array([2.0]), variance=1.0, offset_variance=0.0, noise=1e-6)
        >>> posterior = Posterior.of(kernel, np.array([[0.0]]), np.array([1.0]))
        >>> outlook = Outlook(posterior)
        >>> outlook.add(np.array([[0.5], [1.0]]))
        >>> outlook.expect(np.array([1.0]))
        >>> outlook.variances.round(3)
        array([0.518, 0.   ])
    """

    def __init__(self, posterior: Posterior) -> None:
        size, width = posterior.features.shape
        self.features = np.empty((0, width))
        self.means = np.empty(0)
        self.variances = np.empty(0)
        self._posterior = posterior
        self._reduced = [np.empty((size, 0))]
        self._pending = np.empty((0, width))
        self._pending_reduced = np.empty((size, 0))
        self._pending_factor = np.empty((0, 0))
        self._rows = np.empty((0, 0))

    def add(self, features: Array) -> None:
        """Take in more points, shape (k, features)."""
        points = self._posterior.at(features)
        shared = self._posterior.kernel(self._pending, features) - self._pending_reduced.T @ points.reduced
        rows = solved(self._pending_factor, shared)
        variances = np.maximum(points.variances - np.einsum("ij,ij->j", rows, rows), SMALLEST_VARIANCE)
        self.features = np.concatenate([self.features, features])
        self.means = np.concatenate([self.means, points.means])
        self.variances = np.concatenate([self.variances, variances])
        self._reduced.append(points.reduced)
        self._rows = np.concatenate([self._rows, rows], axis=1)

    def covariances(self, left: Rows, right: Rows) -> Array:
        """Of the function at pairs of points, given by their numbers, two arrays of shape (k,): shape (k,)."""
        prior = self._posterior.kernel.of_pairs(self.features[left], self.features[right])
        if len(self._reduced) > 1:
            self._reduced = [np.concatenate(self._reduced, axis=1)]
        (reduced,) = self._reduced
        explained = np.einsum("ij,ij->j", reduced[:, left], reduced[:, right])
        return np.asarray(prior - explained - np.einsum("ij,ij->j", self._rows[:, left], self._rows[:, right]))

    def expect(self, evaluation: Array) -> None:
        """An evaluation is pending, at features of shape (features,)."""
        kernel, at = self._posterior.kernel, evaluation[None]
        reduced = solved(self._posterior.factor, kernel(self._posterior.features, at))[:, 0]
        shared = solved(self._pending_factor, kernel(self._pending, at)[:, 0] - self._pending_reduced.T @ reduced)
        variance = float(kernel.prior_variance - reduced @ reduced - shared @ shared)
        root = math.sqrt(max(variance, SMALLEST_VARIANCE) + float(kernel.noise_at(at)[0]) + JITTER)
        explained = np.concatenate([reduced @ block for block in self._reduced])
        row = (kernel(at, self.features)[0] - explained - shared @ self._rows) / root
        self.variances = np.maximum(self.variances - row * row, SMALLEST_VARIANCE)
        size = len(self._pending)
        factor = np.zeros((size + 1, size + 1))
        factor[:size, :size] = self._pending_factor
        factor[size, :size], factor[size, size] = shared, root
        self._pending_factor = factor
        self._pending = np.concatenate([self._pending, at])
        self._pending_reduced = np.column_stack([self._pending_reduced, reduced])
        self._rows = np.concatenate([self._rows, row[None]])
