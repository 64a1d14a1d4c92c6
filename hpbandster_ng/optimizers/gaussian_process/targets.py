"""Losses as a Gaussian process likes them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

__all__ = ["targets"]

Array = npt.NDArray[np.float64]

_FAILURE = 0.1
"""A failure is worse than the worst loss by this share of the range of losses."""

_BEST = 0.25
"""Of the losses on the full budget, this share says more than its order, however many are lower on other budgets."""

_LARGEST = 1e290
"""Losses beyond are scaled down, or else their differences and sums would not be finite."""


def targets(losses: Array, on_full_budget: npt.NDArray[np.bool_]) -> Array:
    """Standardised losses of which the bad ones say no more than their order.

    What lies below the median stays linear, because there every difference counts; what lies above becomes the normal
    scores of its ranks, so that a few terrible configurations cannot flatten everything else. Where losses grow with
    the budget, all of the full one might lie above: its own best quarter stays linear. A failure counts as a little
    worse than the worst. Equal losses have equal scores.

    Args:
        losses: shape (n,); what is not finite is a failure.
        on_full_budget: which of them are, shape (n,).

    Returns:
        Shape (n,), of mean 0 and variance 1, unless all are equal.

    Example:
        >>> targets(np.array([0.1, 0.2, 0.3, 1e9, np.inf]), np.array([True, False, False, False, False])).round(2)
        array([-1.55, -0.63,  0.29,  0.56,  1.34])
    """
    is_finite = np.isfinite(losses)
    if not is_finite.any():
        return np.zeros(len(losses))
    unit = max(1.0, np.abs(losses[is_finite]).max() / _LARGEST)
    above = losses / unit - losses[is_finite].min() / unit
    filled = np.where(is_finite, above, (1.0 + _FAILURE) * above[is_finite].max() or 1.0)
    bound = np.median(filled)
    if (on_full_budget & is_finite).any():
        bound = max(bound, np.quantile(filled[on_full_budget & is_finite], _BEST))
    is_good = filled <= bound
    spread = (bound - filled[is_good]).mean()
    _, rank, counts = np.unique(filled, return_inverse=True, return_counts=True)
    scores = ndtri((np.cumsum(counts) - 0.5 * counts) / len(filled))[rank]
    if spread > 0:
        share = min(is_good.mean(), 1.0 - 0.5 / len(filled))
        at_bound = ndtri(share)
        mean_below = -np.exp(-0.5 * at_bound**2) / math.sqrt(2 * math.pi) / share  # of a standard normal variable
        below = (np.minimum(filled, bound) - bound) / spread
        scores = np.where(is_good, at_bound + (at_bound - mean_below) * below, scores)
    scores -= scores.mean()
    return np.asarray(scores / (scores.std() or 1.0))
