"""Whether a difference of ranks is more than luck (Demsar, Statistical comparisons of classifiers, JMLR 2006)."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

__all__ = ["critical_difference", "friedman", "mean_ranks"]


def mean_ranks(regrets: np.ndarray) -> np.ndarray:
    """The mean over problems of the ranks of the optimizers; 1 is the lowest regret, ties share their ranks.

    Args:
        regrets: shape (optimizers, problems).

    Returns:
        Shape (optimizers,).

    Example:
        >>> mean_ranks(np.array([[0.1, 0.2], [0.3, 0.2], [0.5, 0.6]]))
        array([1.25, 1.75, 3.  ])
    """
    return stats.rankdata(regrets, axis=0).mean(axis=1)


def friedman(regrets: np.ndarray) -> float:
    """How probable ranks so different are if all optimizers are alike: the p-value of Friedman's test.

    Args:
        regrets: shape (optimizers, problems).

    Returns:
        NaN for fewer than three optimizers, or one problem: the test says nothing there.
    """
    if regrets.shape[0] < 3 or regrets.shape[1] < 2:
        return math.nan
    if (np.ptp(regrets, axis=0) == 0).all():
        return 1.0
    return float(stats.friedmanchisquare(*regrets).pvalue)


def critical_difference(num_optimizers: int, num_problems: int, alpha: float = 0.05) -> float:
    """Mean ranks that differ by more are different, by Nemenyi's test (section 3.2.2).

    Example:
        >>> round(critical_difference(num_optimizers=4, num_problems=14), 2)  # the example of that section
        1.25
    """
    quantile = stats.studentized_range.ppf(1 - alpha, num_optimizers, math.inf) / math.sqrt(2)
    return float(quantile * math.sqrt(num_optimizers * (num_optimizers + 1) / (6 * num_problems)))
