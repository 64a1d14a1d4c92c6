"""What a new evaluation promises."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import erfcx, ndtr

__all__ = ["DIGITS", "augmented_log_improvement", "log_expected_improvement"]

Array = npt.NDArray[np.float64]

DIGITS = 9
"""Of the logarithm of what is promised, so many after the point count. Two categories that were never tried promise the
same, but for last digits that are others on another machine, or at another address in memory."""

_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)
_FAR = -1e4
"""Below, so many standard deviations away, erfcx has no digits left for the difference from its asymptote."""


def log_expected_improvement(means: Array, variances: Array, best: float) -> Array:
    """The logarithm of the expected improvement below ``best``, exact where the improvement itself underflows.

    Source: Ament, Daulton, Eriksson, Balandat & Bakshy, Unexpected Improvements to Expected Improvement, NeurIPS 2023,
    section 4.1 and appendix A.1.

    Args:
        means, variances: of the loss, shape (n,).
        best: the loss to beat.

    Returns:
        Shape (n,).

    Example:
        >>> log_expected_improvement(np.array([0.0, 0.0]), np.array([1.0, 1.0]), best=-40.0).round(3)
        array([-808.299, -808.299])
    """
    deviations = np.sqrt(variances)
    return _log_h((best - means) / deviations) + np.log(deviations)


def augmented_log_improvement(means: Array, variances: Array, best: float, noise: Array) -> Array:
    """The expected improvement, less where noise is all that another evaluation could show.

    Without that, what is best is evaluated again and again next to where it was found, for improvements that drown in
    the noise or in the errors of the model.

    Source: Huang, Allen, Notz & Zeng, Global Optimization of Stochastic Black-Box Systems via Sequential Kriging
    Meta-Models, Journal of Global Optimization 34, 2006, equation 12.

    Args:
        means, variances: of the loss, shape (n,).
        best: the loss to beat.
        noise: variance of the noise of an evaluation, shape (n,).

    Returns:
        The logarithm, shape (n,).
    """
    share = noise / (noise + variances)
    return log_expected_improvement(means, variances, best) + np.log1p(-np.sqrt(share))


def _log_h(z: Array) -> Array:
    """The logarithm of ``phi(z) + z Phi(z)``."""
    near = np.maximum(z, -1.0)
    direct = np.log(np.exp(-0.5 * near * near - _LOG_SQRT_2PI) + near * ndtr(near))
    far = np.clip(z, _FAR, -1.0)
    rest = 1.0 + far * math.sqrt(math.pi / 2) * erfcx(-far / math.sqrt(2))
    very_far = np.minimum(z, _FAR)
    tail = np.where(z < _FAR, -2.0 * np.log(-very_far), np.log(np.maximum(rest, np.finfo(np.float64).tiny)))
    return np.where(z > -1.0, direct, -0.5 * z * z - _LOG_SQRT_2PI + tail)
