"""How far the losses on one budget tell those on another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from hpbandster_ng.analysis.runs import AnyRun, successful_runs
from hpbandster_ng.engine.records import ConfigId

__all__ = ["RankCorrelation", "rank_correlation", "spearman"]

_FEWEST = 3
"""Two configurations correlate by +1 or -1 always."""


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rank correlation of the losses of the configurations that two budgets share.

    Attributes:
        budgets: ascending, n of them.
        rho: shape (n, n); row and column are budgets. Below the diagonal alone; NaN also where it is not defined: there
            are fewer than three such configurations, or all losses on one budget are equal.
        counts: how many configurations each entry rests on, shape (n, n); on the diagonal, how many the budget has.
    """

    budgets: tuple[float, ...]
    rho: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]


def rank_correlation(runs: Iterable[AnyRun]) -> RankCorrelation:
    """Compare each budget with each larger one.

    Raises:
        InvalidArgumentError: no run was successful.

    Example:
        >>> from hpbandster_ng.core.run import Run
        >>> losses = {1: [0.5, 0.7, 0.9, 0.8], 9: [0.1, 0.3, 0.4, 0.2]}
        >>> points = [(on, i, loss) for on, each in losses.items() for i, loss in enumerate(each)]
        >>> runs = [Run((0, 0, i), on, loss, None, {}, None) for on, i, loss in points]
        >>> correlation = rank_correlation(runs)
        >>> correlation.budgets, round(float(correlation.rho[1, 0]), 2), int(correlation.counts[1, 0])
        ((1, 9), 0.8, 4)
    """
    losses: dict[float, dict[ConfigId, float]] = {}
    for run, loss in successful_runs(runs):
        losses.setdefault(run.budget, {})[run.config_id] = loss
    budgets = sorted(losses)
    rho = np.full((len(budgets), len(budgets)), np.nan)
    counts = np.zeros(rho.shape, dtype=np.int64)
    for row, large in enumerate(budgets):
        for column, small in enumerate(budgets[: row + 1]):
            shared = sorted(losses[large].keys() & losses[small].keys())
            pair = [[losses[budget][config_id] for config_id in shared] for budget in (large, small)]
            counts[row, column] = len(shared)
            rho[row, column] = spearman(*pair) if row != column else math.nan
    return RankCorrelation(tuple(budgets), rho, counts)


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """The rank correlation of two lists of losses of the same configurations.

    Returns:
        NaN where it is not defined: there are fewer than three, or all of one list are equal.
    """
    if len(first) < _FEWEST or min(first) == max(first) or min(second) == max(second):
        return math.nan
    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])
