"""Features of configurations: what a linear model needs to follow a smooth function of the hyperparameters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["ConfigFeatures"]

Array = npt.NDArray[np.float64]


class ConfigFeatures:
    """A constant, the standardised columns, their squares, and random Fourier features of a Gaussian kernel.

    Random Fourier features (Rahimi & Recht, NeurIPS 2007) let a linear model come near a Gaussian process at the cost
    of a fixed number of columns. An inactive (NaN) hyperparameter takes its column's mean, and a column of its own
    says where it is inactive.

    Args:
        configs: the training configurations, shape (n, d).
        rng: source of the random frequencies.
        n_fourier: how many random features.

    Attributes:
        groups: for each feature the number of its group; features of a group share one prior variance.
    """

    def __init__(self, configs: Array, rng: np.random.Generator, n_fourier: int = 32) -> None:
        active = ~np.isnan(configs)
        filled = np.where(active, configs, 0.0)
        counts = np.maximum(active.sum(axis=0), 1)
        self._mean = filled.sum(axis=0) / counts
        spread = np.sqrt((np.where(active, configs - self._mean, 0.0) ** 2).sum(axis=0) / counts)
        self._spread = np.where(spread > 1e-9, spread, 1.0)
        self._sometimes_inactive = ~active.all(axis=0)
        d = configs.shape[1] + int(self._sometimes_inactive.sum())
        self._frequencies = rng.normal(size=(d, n_fourier)) / np.sqrt(max(1, d))
        self._phases = rng.uniform(0, 2 * np.pi, size=n_fourier)
        self.groups = np.repeat([0, 1, 2, 3], [1, d, d, n_fourier])

    def __call__(self, configs: npt.ArrayLike) -> Array:
        """Features, shape (n, n_features)."""
        x = np.atleast_2d(np.asarray(configs, dtype=np.float64))
        inactive = np.isnan(x)
        z = np.where(inactive, 0.0, (x - self._mean) / self._spread)
        z = np.column_stack([z, inactive[:, self._sometimes_inactive]])
        fourier = np.sqrt(2.0) * np.cos(z @ self._frequencies + self._phases)
        return np.column_stack([np.ones(len(z)), z, z**2 - 1, fourier])
