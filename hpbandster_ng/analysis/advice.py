"""Which smallest budget and which eta to take, by what a short run tells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from hpbandster_ng.analysis.rank_correlation import rank_correlation
from hpbandster_ng.analysis.runs import AnyRun, by_budget
from hpbandster_ng.engine.schedule import Bracket, budget_text, hyperband_brackets
from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["Advice", "BudgetAdvice", "Choice", "advise"]

ETAS = (2, 3, 4)

_FEWEST = 6
"""Configurations that must have run on a budget and on the largest one; fewer correlate by chance."""

_LEAST_TOTAL = 30.0
"""Full evaluations that each choice is judged by, at least."""

_SIMULATIONS = 400

_MOST_CONFIGS = 100_000
"""On the first rung; a bracket of more is nothing that people run, and could not be played through."""

_AS_GOOD = 0.95
"""Of choices that promise at least this share of the best one's speed, the one with the largest budgets is taken."""

_LEFT_OFF = 0.25
"""This share of the configurations or more, left off on a smaller budget, were chosen by how they did: in a probe that
broke off, it is as many as there were workers."""

Losses = npt.NDArray[np.float64]


@dataclass(frozen=True)
class BudgetAdvice:
    """What the runs on a budget tell of those on the largest.

    Attributes:
        budget: as it is.
        num_configs: how many configurations ran on both.
        correlation: Spearman's, of their losses; NaN where there are too few.
        low, high: its 95 % confidence interval, by Fisher's transformation.
        cost: what a run takes, in full evaluations: measured seconds where runs have them, else the ratio of budgets.
    """

    budget: float
    num_configs: int
    correlation: float
    low: float
    high: float
    cost: float


@dataclass(frozen=True)
class Choice:
    """A way to run Hyperband.

    Attributes:
        min_budget, eta: its arguments.
        speed: how many full evaluations of random configurations find as much as it does for the cost of one.
    """

    min_budget: float
    eta: int
    speed: float


@dataclass(frozen=True)
class Advice:
    """What to take.

    Attributes:
        budgets: ascending; the last is the largest.
        choices: all that were judged, the fastest first.
        best: the one to take; with the largest budget as ``min_budget``, nothing is gained by smaller ones.
        is_of_survivors: larger budgets were for the better configurations only, as in Hyperband; among these, the
            correlations are lower than among all.
    """

    budgets: tuple[BudgetAdvice, ...]
    choices: tuple[Choice, ...]
    best: Choice
    is_of_survivors: bool

    @property
    def max_budget(self) -> float:
        return self.budgets[-1].budget


def advise(runs: Iterable[AnyRun], rng: np.random.Generator) -> Advice:
    """Judge the budgets of a run, and choose ``min_budget`` and ``eta``.

    The rank correlation of each budget with the largest says how much a ranking there is worth; a run in which every
    configuration ran on every budget tells it without bias. With these correlations (as those of normal variables, in
    a chain from budget to budget) and the measured costs, Hyperband's brackets are played through for each choice, and
    what they find is compared with random search on the largest budget for the same cost. A budget whose correlation
    may be none, by its confidence interval, is not chosen, nor is one from which brackets would begin with more than
    100,000 configurations.

    Args:
        runs: of a short run, successful and failed.
        rng: for playing through.

    Raises:
        InvalidArgumentError: there are fewer than two budgets, or too few configurations on more than one of them; or
            nothing succeeded on the largest.

    Example:
        >>> from types import SimpleNamespace
        >>> def ran(number, budget):
        ...     loss = (number * 7 % 12) / 12 + (0.5 if budget < 9 and number % 2 else 0.0)  # on 1, half are misjudged
        ...     return SimpleNamespace(config_id=(number, 0, 0), budget=budget, loss=loss, is_success=True,
        ...                            time_stamps={"started": 0.0, "finished": budget})
        >>> runs = [ran(number, budget) for number in range(12) for budget in (1, 9)]
        >>> advice = advise(runs, np.random.default_rng(0))
        >>> advice.best.min_budget, round(advice.budgets[0].correlation, 2), advice.is_of_survivors
        (1, 0.78, False)
    """
    runs = list(runs)
    ranks = rank_correlation(runs)
    largest = max(run.budget for run in runs)
    if largest > ranks.budgets[-1]:
        raise InvalidArgumentError(
            "runs",
            f"{len(runs)} runs",
            f"must contain one that succeeded on the largest budget, {budget_text(largest)}",
            "run.error_logs of each there tells why it failed",
        )
    costs = _costs(runs, ranks.budgets)
    budgets = tuple(
        _judged(budget, float(ranks.rho[-1, column]), int(ranks.counts[-1, column]), costs[column])
        for column, budget in enumerate(ranks.budgets[:-1])
    )
    if not any(math.isfinite(each.correlation) for each in budgets):
        raise InvalidArgumentError(
            "runs",
            f"{len(runs)} runs",
            f"must have {_FEWEST} configurations that succeeded on one budget and on the largest, with unequal losses",
            "let a BudgetProbe run a dozen configurations",
        )
    top = BudgetAdvice(ranks.budgets[-1], int(ranks.counts[-1, -1]), 1.0, 1.0, 1.0, 1.0)
    told = [*(each for each in budgets if math.isfinite(each.correlation)), top]
    choices = sorted(_choices(told, rng), key=lambda choice: -choice.speed)
    good = [choice for choice in choices if choice.speed >= _AS_GOOD * choices[0].speed]
    best = max(good, key=lambda choice: (choice.min_budget, choice.speed))
    return Advice((*budgets, top), tuple(choices), best, _are_survivors(runs, largest))


def _are_survivors(runs: Sequence[AnyRun], largest: float) -> bool:
    """Whether many succeeded on a smaller budget, and ran on no larger one."""
    last = {run.config_id: run for run in sorted(runs, key=lambda run: run.budget)}
    left_off = [run for run in last.values() if run.is_success and run.budget < largest]
    return len(left_off) >= _LEFT_OFF * len(last)


def _judged(budget: float, rho: float, count: int, cost: float) -> BudgetAdvice:
    if count < _FEWEST or math.isnan(rho):
        return BudgetAdvice(budget, count, math.nan, math.nan, math.nan, cost)
    center, width = math.atanh(min(max(rho, -0.9999), 0.9999)), 1.96 * 1.03 / math.sqrt(count - 3)
    return BudgetAdvice(budget, count, rho, math.tanh(center - width), math.tanh(center + width), cost)


def _costs(runs: Sequence[AnyRun], budgets: Sequence[float]) -> list[float]:
    """Of each budget, in those of the largest."""
    grouped = by_budget(run for run in runs if run.is_success)
    seconds = [
        float(np.median([run.time_stamps["finished"] - run.time_stamps["started"] for run in grouped[budget]]))
        for budget in budgets
    ]
    measured = seconds if seconds[-1] > 0 and all(second > 0 for second in seconds) else list(budgets)
    return [cost / measured[-1] for cost in measured]


def _choices(told: Sequence[BudgetAdvice], rng: np.random.Generator) -> list[Choice]:
    top = told[-1].budget
    choices = [Choice(top, 3, 1.0)]
    for each in told[:-1]:
        for eta in ETAS if each.low > 0 else ():
            brackets = hyperband_brackets(each.budget, top, eta)
            if len(brackets) > 1 and max(bracket.num_configs[0] for bracket in brackets) <= _MOST_CONFIGS:
                choices.append(Choice(each.budget, eta, _speed(brackets, told, rng)))
    return choices


def _speed(brackets: Sequence[Bracket], told: Sequence[BudgetAdvice], rng: np.random.Generator) -> float:
    """Of rounds of these brackets, against random search on the largest budget."""
    of_budget = np.log([each.budget for each in told])
    # Spearman's correlation as that of normal variables; a larger budget never tells less.
    latent = np.maximum.accumulate([2 * math.sin(math.pi * max(each.correlation, 0.0) / 6) for each in told])
    cost_of = [each.cost for each in told]
    played = [
        (
            bracket.num_configs,
            np.interp(np.log(bracket.budgets), of_budget, latent),
            np.interp(np.log(bracket.budgets), of_budget, cost_of),
        )
        for bracket in brackets
    ]
    cost = math.fsum(float(np.dot(counts, costs)) for counts, _, costs in played)
    rounds = math.ceil(_LEAST_TOTAL / cost)
    best = np.full(_SIMULATIONS, np.inf)
    for _ in range(rounds):
        for counts, correlations, _ in played:
            best = np.minimum(best, _play(counts, correlations, rng))
    return _equivalent(float(best.mean())) / (rounds * cost)


def _play(counts: Sequence[int], correlations: Losses, rng: np.random.Generator) -> Losses:
    """The best loss on the largest budget that a bracket finds; shape (simulations,).

    Losses on each budget are standard normal, and foretell those on the next larger one but for noise; they are drawn
    of those alone that get there.
    """
    losses = rng.standard_normal((_SIMULATIONS, counts[0]))
    for keep, small, large in zip(counts[1:], correlations, correlations[1:], strict=False):
        kept = np.partition(losses, keep - 1, axis=1)[:, :keep]
        share = min(small / large, 1.0) if large > 0 else 0.0
        losses = share * kept + math.sqrt(1 - share**2) * rng.standard_normal(kept.shape)
    best: Losses = losses.min(axis=1)
    return best


def _equivalent(lowest: float) -> float:
    """Of how many standard normal variables this is the expected lowest, by Blom's formula."""
    share = float(ndtr(-lowest))
    return (0.375 + 0.25 * share) / (1 - share)
