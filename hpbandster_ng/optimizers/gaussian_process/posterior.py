"""A Gaussian process that has seen data (Rasmussen & Williams 2006, algorithm 2.1), and can take in pending points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve
from scipy.linalg.lapack import dpotrf, dtrtrs

from hpbandster_ng.optimizers.gaussian_process.fitting import JITTER
from hpbandster_ng.optimizers.gaussian_process.kernel import Kernel

__all__ = ["SMALLEST_VARIANCE", "Points", "Posterior", "solved"]

Array = npt.NDArray[np.float64]

SMALLEST_VARIANCE = 1e-10
"""No variance is smaller: rounding may take it below zero."""


@dataclass(frozen=True)
class Points:
    """The posterior at some points.

    Attributes:
        features: shape (m, features).
        means: shape (m,).
        variances: of the function, without noise, shape (m,).
        reduced: the covariances with the observations, solved by their factor: shape (n, m).
    """

    features: Array
    means: Array
    variances: Array
    reduced: Array


@dataclass(frozen=True)
class Posterior:
    """What is known of the function after some observations; made by :meth:`of`.

    Attributes:
        kernel: with its hyperparameters.
        features: of the observations, shape (n, features).
        factor: the lower Cholesky factor of their covariances, shape (n, n).
        weights: their inverse times the targets, shape (n,).

    Example:
        >>> kernel = Kernel(np.array([2.0]), variance=1.0, offset_variance=0.0, noise=1e-6)
        >>> posterior = Posterior.of(kernel, np.array([[0.0], [1.0]]), np.array([1.0, -1.0]))
        >>> posterior.means(np.array([[0.0], [0.5], [1.0]])).round(3) + 0.0
        array([ 1.,  0., -1.])
    """

    kernel: Kernel
    features: Array
    factor: Array
    weights: Array

    @classmethod
    def of(cls, kernel: Kernel, features: Array, targets: Array) -> Posterior:
        """After the observations ``targets``, shape (n,), at ``features``, shape (n, features)."""
        factor = _factor(kernel, features, kernel(features, features))
        return cls(kernel, features, factor, cho_solve((factor, True), targets))

    def means(self, features: Array) -> Array:
        """Shape (m,); much faster than :meth:`at` where no variances are needed."""
        return np.asarray(self.kernel(features, self.features) @ self.weights)

    def at(self, features: Array) -> Points:
        """Means and variances at points of shape (m, features)."""
        covariances = self.kernel(self.features, features)
        reduced = solved(self.factor, covariances)
        variances = self.kernel.prior_variance - np.einsum("ij,ij->j", reduced, reduced)
        means = covariances.T @ self.weights
        return Points(features, means, np.maximum(variances, SMALLEST_VARIANCE), reduced)

    def with_pending(self, features: Array) -> Posterior:
        """As if evaluations at these points, shape (p, features), had ended as predicted: only variances change."""
        if not len(features):
            return self
        covariances = self.kernel(self.features, features)
        reduced = solved(self.factor, covariances)
        corner = _factor(self.kernel, features, self.kernel(features, features) - reduced.T @ reduced)
        factor = np.block([[self.factor, np.zeros_like(covariances)], [reduced.T, corner]])
        return Posterior(
            self.kernel,
            np.concatenate([self.features, features]),
            factor,
            np.concatenate([self.weights, np.zeros(len(features))]),
        )


def _factor(kernel: Kernel, features: Array, covariances: Array) -> Array:
    covariances[np.diag_indices_from(covariances)] += kernel.noise_at(features) + JITTER
    factor, _ = dpotrf(covariances, lower=1, clean=1)
    return np.asarray(factor)


def solved(factor: Array, right: Array) -> Array:
    """What a lower triangular factor takes to the right-hand sides, shape (n, m) or (n,)."""
    if not len(factor):
        return right
    solution, _ = dtrtrs(factor, right, lower=1)
    return np.asarray(solution)
