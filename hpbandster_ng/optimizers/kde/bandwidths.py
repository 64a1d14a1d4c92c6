"""How wide the kernels should be: the normal-reference rule, and the largest leave-one-out likelihood."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from hpbandster_ng.optimizers.kde.kernels import Array, Kernel

__all__ = ["loo_negloglikelihood", "maximum_likelihood", "normal_reference"]

_STEP = 1e-5
"""For the slope of a kernel in the logarithm of its bandwidth."""

_WIDEST = 3.0
"""In units of the range; a wider kernel is as good as uniform."""


def normal_reference(deviations: Array, n: int, dimensions: int) -> Array:
    """The rule of thumb 1.06 * deviation * n ** (-1 / (4 + dimensions)).

    The widths that are best for normally distributed data, up to a constant near one: Scott (1992), Multivariate
    Density Estimation, section 6.3; Li & Racine (2007), section 1.13.

    Example:
        >>> normal_reference(np.array([0.2, 0.4]), n=64, dimensions=2)
        array([0.106, 0.212])
    """
    return np.asarray(1.06 * deviations * n ** (-1 / (4 + dimensions)))


def loo_negloglikelihood(kernels: Sequence[Kernel], weights: Array) -> float:
    """Minus the weighted sum over the points of the log density that all *other* points give them.

    Args:
        kernels: the factors of the product kernel, each with the data of one column.
        weights: of the points, shape (n,), summing to n; at least two are not 0.
    """
    return -_loo(np.sum([_log_matrix(kernel) for kernel in kernels], axis=0), weights)[0]


def maximum_likelihood(kernels: Sequence[Kernel], weights: Array, minimum: float) -> Array:
    """The bandwidths of the product kernel with the largest leave-one-out likelihood.

    Also called likelihood cross-validation: Habbema, Hermans & van den Broek (1974); Li & Racine (2007), section 1.3.
    The likelihood has no maximum where values repeat (it grows without limit as the width shrinks); there ``minimum``
    holds.

    Args:
        kernels: as above; their bandwidths are where the search starts, and are what is returned has been set.
        weights: as above.
        minimum: no bandwidth is smaller.

    Returns:
        Shape (number of kernels,).
    """
    highest = np.array([min(kernel.bandwidth_range()[1], _WIDEST) for kernel in kernels])
    bounds = np.log(np.column_stack([np.minimum(minimum, highest), highest]))
    start = np.log([kernel.bandwidth or minimum for kernel in kernels])

    def objective(logs: Array) -> tuple[float, Array]:
        matrices = [_at(kernel, value, bound) for kernel, value, bound in zip(kernels, logs, bounds, strict=True)]
        total, responsibilities = _loo(np.sum(matrices, axis=0), weights)
        slopes = []
        for kernel, matrix, value, bound in zip(kernels, matrices, logs, bounds, strict=True):
            step = _STEP if value + _STEP <= bound[1] else -_STEP
            change = _at(kernel, value + step, bound) - matrix
            slopes.append(float((responsibilities * change).sum()) / step)
        return -total, -np.array(slopes)

    # The likelihood of few points is noisy: its maximum need not be found to the last digit.
    found = minimize(
        objective,
        np.clip(start, *bounds.T),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds.tolist(),
        options={"maxiter": 50, "ftol": 1e-7},
    )
    best = np.exp(np.clip(found.x, *bounds.T))
    for kernel, bandwidth in zip(kernels, best, strict=True):
        _set(kernel, bandwidth)
    return np.array([kernel.bandwidth for kernel in kernels], dtype=np.float64)


def _set(kernel: Kernel, bandwidth: float) -> None:
    kernel.set_bandwidth(min(float(bandwidth), kernel.bandwidth_range()[1]))


def _at(kernel: Kernel, log_bandwidth: float, bound: Array) -> Array:
    _set(kernel, np.exp(np.clip(log_bandwidth, *bound)))
    return _log_matrix(kernel)


def _log_matrix(kernel: Kernel) -> Array:
    data = np.empty(0) if kernel.data is None else kernel.data
    return kernel.log_values(data)


def _loo(log_products: Array, weights: Array) -> tuple[float, Array]:
    """The log-likelihood, and how it grows with each entry of ``log_products`` (n, n)."""
    with np.errstate(divide="ignore"):
        exponents = log_products + np.log(weights)[:, None]
    np.fill_diagonal(exponents, -np.inf)
    log_densities = logsumexp(exponents, axis=0)
    responsibilities = np.exp(exponents - log_densities) * weights
    return float(weights @ (log_densities - np.log(weights.sum() - weights))), responsibilities
