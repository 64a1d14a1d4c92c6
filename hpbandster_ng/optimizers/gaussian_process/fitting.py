"""The hyperparameters of the kernel, from data: maximum a posteriori.

Length scales have a log-normal prior that grows with the root of the dimension, so that the model is as simple in 40
dimensions as in 4 (Hvarfner, Hellsten & Nardi, Vanilla Bayesian Optimization Performs Great in High Dimensions, ICML
2024, section 4). The most probable scale is sought by its density, not by that of its logarithm: that one has its mode
twenty times higher, where no hyperparameter matters and everything is noise, and few data do not lead away from there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.optimize import minimize

from hpbandster_ng.optimizers.gaussian_process.kernel import Kernel, fidelity_covariances, squared_distances

__all__ = ["JITTER", "Model", "fit"]

Array = npt.NDArray[np.float64]

JITTER = 1e-8
"""Added to the diagonal of every covariance matrix, against rounding."""

_INFEASIBLE = 1e10

_SCALE = (math.sqrt(2) - 3.0, math.sqrt(3))
"""Of the logarithm of a length scale in one dimension: the mode of the density of LogNormal(sqrt(2), sqrt(3)), and its
spread."""

_FIDELITY_SCALE = (0.0, 1.0)
_NOISE = (-6.0, 2.0)
_VARIANCE = (0.0, 0.5)
_OFFSET = (-1.0, 1.5)
_NOISE_SLOPE = (2.0, 3.0)
"""Mean and standard deviation of the logarithms of the other hyperparameters; targets have variance 1."""


@dataclass(frozen=True)
class Model:
    """The priors of the hyperparameters, and the meaning of their vector.

    A vector of hyperparameters holds logarithms: of the length scale of each group, the fidelity last; of the noise's
    variance on the full budget, of the variance, of the offset's variance, and of the ratio of the noise's variances on
    the smallest and on the full budget.

    Args:
        groups: the group of each feature, shape (features,).
        num_groups: how many groups, the fidelity among them.

    Example:
        >>> model = Model(groups=np.array([0, 0, 1]), num_groups=2)
        >>> means, deviations = model.prior
        >>> model.kernel(means).inverse_scales.round(2).tolist()
        [4.88, 4.88, 1.0]
    """

    groups: npt.NDArray[np.intp]
    num_groups: int

    @property
    def prior(self) -> tuple[Array, Array]:
        """Means and standard deviations of the hyperparameters, two arrays of shape (num_groups + 4,)."""
        dimensions = max(1, self.num_groups - 1)
        scale = _SCALE[0] + 0.5 * math.log(dimensions), _SCALE[1]
        others = [_FIDELITY_SCALE, _NOISE, _VARIANCE, _OFFSET, _NOISE_SLOPE]
        means, deviations = np.array([scale] * (self.num_groups - 1) + others).T
        return means, deviations

    @property
    def bounds(self) -> Array:
        """The lowest and the highest value of each hyperparameter, shape (num_groups + 4, 2)."""
        others = [(0.05, 50.0), (1e-6, 4.0), (0.05, 20.0), (1e-3, 10.0), (1.0, 1e6)]
        return np.log([(0.02, 200.0)] * (self.num_groups - 1) + others)

    def kernel(self, hyperparameters: Array) -> Kernel:
        """The kernel that a vector of hyperparameters stands for."""
        noise, variance, offset = np.exp(hyperparameters[self.num_groups : -1]).tolist()
        return Kernel(np.exp(-hyperparameters[self.groups]), variance, offset, noise, float(hyperparameters[-1]))

    def objective(self, hyperparameters: Array, features: Array, targets: Array) -> tuple[float, Array]:
        """The negative logarithm of the posterior density, up to a constant, and its gradient.

        Args:
            hyperparameters: shape (num_groups + 4,).
            features: shape (n, features).
            targets: shape (n,).
        """
        kernel = self.kernel(hyperparameters)
        scaled = features * kernel.inverse_scales
        roots = np.sqrt(5.0 * squared_distances(scaled, scaled))
        decay = np.exp(-roots)
        shape = (1.0 + roots + roots * roots / 3.0) * decay
        offset = fidelity_covariances(features[:, -1], features[:, -1])
        covariances = kernel.variance * shape + kernel.offset_variance * offset
        noise = kernel.noise_at(features)
        covariances[np.diag_indices_from(covariances)] += noise + JITTER
        factor, failed = dpotrf(covariances, lower=1, clean=1)
        if failed:
            return _INFEASIBLE, np.zeros_like(hyperparameters)
        weights = cho_solve((factor, True), targets)
        inverse, _ = dpotri(factor, lower=1)
        inverse += np.tril(inverse, -1).T
        slopes = inverse - np.outer(weights, weights)  # of twice the value, by each entry of the covariances
        value = 0.5 * targets @ weights + np.log(np.diag(factor)).sum()
        by_distance = slopes * ((5.0 / 3.0) * kernel.variance * (1.0 + roots) * decay)
        by_feature = by_distance.sum(axis=1) @ (scaled * scaled) - np.einsum("ij,ij->j", by_distance @ scaled, scaled)
        by_noise = noise * np.diag(slopes)
        others = [
            by_noise.sum(),
            kernel.variance * np.einsum("ij,ij->", slopes, shape),
            kernel.offset_variance * np.einsum("ij,ij->", slopes, offset),
            by_noise @ (1.0 - features[:, -1]),
        ]
        gradient = np.concatenate([np.bincount(self.groups, by_feature, self.num_groups), 0.5 * np.array(others)])
        means, deviations = self.prior
        standardised = (hyperparameters - means) / deviations
        return float(value + 0.5 * standardised @ standardised), gradient + standardised / deviations


def fit(model: Model, features: Array, targets: Array, starts: Iterable[Array], max_steps: int = 40) -> Array:
    """The most probable hyperparameters, the best of several local searches.

    Args:
        features: shape (n, features).
        targets: shape (n,), of about unit variance.
        starts: vectors of hyperparameters to start from. One alone can end where everything is noise.
        max_steps: of each search.

    Returns:
        Shape (num_groups + 4,).
    """
    bounds = model.bounds

    def objective(hyperparameters: Array) -> tuple[float, Array]:
        return model.objective(hyperparameters, features, targets)

    def search(start: Array) -> tuple[float, Array]:
        found = minimize(
            objective,
            np.clip(start, *bounds.T),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds.tolist(),
            options={"maxiter": max_steps, "ftol": 1e-6},
        )
        return float(found.fun), np.asarray(found.x)

    return min(map(search, starts), key=lambda found: found[0])[1]
