"""The covariance of the losses of two configurations on two budgets.

``k((x, s), (x', s')) = v m(r) + o m(|s - s'|)`` with the Matern 5/2 function ``m`` and
``r**2 = sum_g |z_g - z'_g|**2 / l_g**2`` over the groups of features, the fidelity s among them. The second term is
what all configurations have in common when the budget changes: curves fall together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Kernel", "fidelity_covariances", "matern", "squared_distances"]

Array = npt.NDArray[np.float64]


def squared_distances(left: Array, right: Array) -> Array:
    """Between all rows of two arrays of shapes (n, d) and (m, d): shape (n, m)."""
    squares: Array = np.einsum("ij,ij->i", left, left)[:, None] + np.einsum("ij,ij->i", right, right)
    squares -= 2.0 * (left @ right.T)
    np.maximum(squares, 0.0, out=squares)
    return squares


def matern(squares: Array) -> Array:
    """The Matern 5/2 function of squared distances (Rasmussen & Williams 2006, eq. 4.17), 1 at 0.

    Example:
        >>> matern(np.array([0.0, 1.0])).round(4)
        array([1.   , 0.524])
    """
    scaled: Array = 5.0 * squares
    np.sqrt(scaled, out=scaled)
    values = np.exp(-scaled)
    # 1 + scaled + scaled**2 / 3, in place: large matrices are written as seldom as possible.
    polynomial = scaled / 3.0
    polynomial += 1.0
    polynomial *= scaled
    polynomial += 1.0
    values *= polynomial
    return values


@dataclass(frozen=True)
class Kernel:
    """The kernel with given hyperparameters.

    Args:
        inverse_scales: one over the length scale of each feature, shape (features,).
        variance: v.
        offset_variance: o; what the budget does to all configurations alike.
        noise: variance of the noise of an observation on the full budget.
        noise_slope: the logarithm of how many times as large it is on the smallest budget.
    """

    inverse_scales: Array
    variance: float
    offset_variance: float
    noise: float
    noise_slope: float = 0.0

    @property
    def prior_variance(self) -> float:
        """Of the function at any point, before anything is observed."""
        return self.variance + self.offset_variance

    def noise_at(self, features: Array) -> Array:
        """Variance of the noise of an observation at each row of features: shape (n,)."""
        return np.asarray(self.noise * np.exp(self.noise_slope * (1.0 - features[:, -1])))

    def __call__(self, left: Array, right: Array) -> Array:
        """Covariances of the function at all rows of two arrays of features: shape (n, m)."""
        covariances = matern(squared_distances(left * self.inverse_scales, right * self.inverse_scales))
        covariances *= self.variance
        covariances += self.offset_variance * fidelity_covariances(left[:, -1], right[:, -1])
        return covariances

    def of_pairs(self, left: Array, right: Array) -> Array:
        """Covariances of the function at pairs of rows of two arrays of features, both of shape (n, features): (n,)."""
        scaled = (left - right) * self.inverse_scales
        apart = left[:, -1] - right[:, -1]
        covariances = self.variance * matern(np.einsum("ij,ij->i", scaled, scaled))
        return np.asarray(covariances + self.offset_variance * matern(apart * apart))


def fidelity_covariances(left: Array, right: Array) -> Array:
    """Matern 5/2 of the differences of fidelities of shapes (n,) and (m,), of which few differ: shape (n, m)."""
    rows, row = np.unique(left, return_inverse=True)
    columns, column = np.unique(right, return_inverse=True)
    return np.asarray(matern((rows[:, None] - columns) ** 2)[row][:, column])
