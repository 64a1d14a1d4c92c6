"""Which configuration a run recommends at a time, by one rule for all optimizers."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.quality.trace import Trace
from hpbandster_ng.core.recommendation import recommended

__all__ = ["ENOUGH", "MOMENTS", "best_at_largest_budget", "predicted_best", "recommended_losses", "steady"]

ENOUGH = 3
"""Results that a budget must have before it counts."""

MOMENTS = (0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.13, 0.18, 0.25, 0.3, 0.35, 0.42, 0.5, 0.6, 0.7, 0.85, 1.0)
"""Shares of the wall clock at which the rule that takes its time is asked; all at which regrets are taken."""


def best_at_largest_budget(trace: Trace) -> np.ndarray:
    """The lowest loss on the largest budget seen so far: what the predecessor recommends.

    Returns:
        After each result, the number of the result that is recommended; -1 while all have failed. Shape (results,).
    """
    return _recommended(trace, enough=1)


def steady(trace: Trace) -> np.ndarray:
    """As :func:`best_at_largest_budget`, but a budget must have three results before it counts.

    The first result on the full budget is of one configuration only, and most often not of the best; it takes the place
    of the best of many on the budget below. Where no budget has three results, the largest that has any counts.
    """
    return _recommended(trace, enough=ENOUGH)


def predicted_best(trace: Trace) -> np.ndarray:
    """The lowest predicted loss on the largest budget seen so far: what :meth:`Result.recommend` recommends.

    It is asked with the first result and at :data:`MOMENTS`; what it says holds until the next.
    """
    answers = np.full(len(trace.loss), -1)
    asked = sorted({1, *_results_until(trace, np.array(MOMENTS)).tolist(), len(answers)} - {0})
    for now, then in zip(asked, [*asked[1:], len(answers) + 1], strict=True):
        best = recommended(trace.config[:now], trace.budget[:now], trace.loss[:now])
        answers[now - 1 : then - 1] = -1 if best is None else best
    return answers


def _results_until(trace: Trace, shares: np.ndarray) -> np.ndarray:
    """How many results there were at shares of the wall clock."""
    return np.searchsorted(trace.finished_at, shares * trace.wall_clock * (1 + 1e-9), side="right")


def _recommended(trace: Trace, enough: int) -> np.ndarray:
    budgets = [float(f"{budget:.6g}") for budget in trace.budget]  # a fraction of the budget may be rounded
    count: dict[float, int] = {}
    best: dict[float, int] = {}
    recommended = np.full(len(budgets), -1)
    for i, (budget, loss) in enumerate(zip(budgets, trace.loss, strict=True)):
        if math.isfinite(loss):
            count[budget] = count.get(budget, 0) + 1
            if budget not in best or loss < trace.loss[best[budget]]:
                best[budget] = i
        if count:
            recommended[i] = best[max([b for b, n in count.items() if n >= enough] or count)]
    return recommended


def recommended_losses(
    trace: Trace, recommended: np.ndarray, shares: np.ndarray, workers: int, worst: float
) -> np.ndarray:
    """The full-budget loss of the recommendation at shares of the wall clock.

    Before the first result, a run can only pick blindly: that counts as the mean of the configurations that were first
    to finish, as many as there are workers. A configuration that fails on the full budget counts as the worst loss.

    Args:
        trace: of the run.
        recommended: what a rule of this module returns for it.
        shares: between 0 and 1.
        workers: how many the run had.
        worst: the worst loss known.

    Returns:
        Shape of ``shares``.
    """
    losses = np.where(np.isfinite(trace.full_loss), np.minimum(trace.full_loss, worst), worst)
    _, first = np.unique(trace.config, return_index=True)
    blind = float(losses[np.sort(first)[:workers]].mean()) if len(losses) else worst
    after = np.where(recommended >= 0, losses[recommended], blind) if len(losses) else np.empty(0)
    return np.concatenate([[blind], after])[_results_until(trace, shares)]
