"""Losses as a Gaussian process likes them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

__all__ = ["targets"]

Array = npt.NDArray[np.float64]

_FAILURE = 0.1
"""A failure is worse than the worst loss by this share of the range of losses."""

_LARGEST = 1e290
"""Losses beyond are scaled down, or else their differences and sums would not be finite."""

_MEAN_DEVIATION = 0.7978845608028654
"""Of a standard normal variable from its median, on either side."""


def targets(losses: Array) -> Array:
    """Standardised losses whose bad half says no more than its order.

    What lies below the median stays linear, because there every difference counts; what lies above becomes the normal
    scores of its ranks, so that a few terrible configurations cannot flatten everything else. A failure counts as a
    little worse than the worst. Equal losses have equal scores.

    Args:
        losses: shape (n,); what is not finite is a failure.

    Returns:
        Shape (n,), of mean 0 and variance 1, unless all are equal.

    Example:
        >>> targets(np.array([0.1, 0.2, 0.3, 1e9, np.inf])).round(2)
        array([-1.47, -0.68,  0.12,  0.64,  1.39])
    """
    is_finite = np.isfinite(losses)
    if not is_finite.any():
        return np.zeros(len(losses))
    unit = max(1.0, np.abs(losses[is_finite]).max() / _LARGEST)
    above = losses / unit - losses[is_finite].min() / unit
    filled = np.where(is_finite, above, (1.0 + _FAILURE) * above[is_finite].max() or 1.0)
    median = np.median(filled)
    is_good = filled <= median
    spread = (median - filled[is_good]).mean()
    _, rank, counts = np.unique(filled, return_inverse=True, return_counts=True)
    scores = ndtri((np.cumsum(counts) - 0.5 * counts) / len(filled))[rank]
    if spread > 0:
        scores = np.where(
            is_good, (np.minimum(filled, median) - median) / spread * _MEAN_DEVIATION, np.maximum(scores, 0.0)
        )
    scores -= scores.mean()
    return np.asarray(scores / (scores.std() or 1.0))
