"""How far the configurations of a run came: rung by rung, iteration by iteration."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hpbandster_ng.analysis.runs import AnyRun
from hpbandster_ng.engine.records import ConfigId
from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["Rung", "grouped_by_iteration", "rung_survival"]


@dataclass(frozen=True)
class Rung:
    """The configurations of one iteration that ran on one budget.

    Attributes:
        iteration: the one in which they were drawn; -1 is a warm start.
        budget: the rung.
        reached: how many ran here.
        entered: how many of them ran here first.
        promoted: how many of them succeeded here, and ran on a larger budget later.
        failed: how many of them have no loss here.
        best: the lowest loss, or None.
    """

    iteration: int
    budget: float
    reached: int
    entered: int
    promoted: int
    failed: int
    best: float | None


def rung_survival(runs: Iterable[AnyRun]) -> tuple[Rung, ...]:
    """Count the configurations that reached each rung.

    Args:
        runs: of a result.

    Returns:
        By iteration, then by budget.

    Raises:
        InvalidArgumentError: there is no run.

    Example:
        >>> from hpbandster_ng.core.run import Run
        >>> losses = {0: {1: 0.5}, 1: {1: 0.4, 3: 0.3}, 2: {1: None}}
        >>> runs = [Run((0, 0, i), on, loss, None, {}, None) for i, each in losses.items() for on, loss in each.items()]
        >>> [(rung.budget, rung.reached, rung.promoted, rung.failed, rung.best) for rung in rung_survival(runs)]
        [(1, 3, 1, 1, 0.4), (3, 1, 0, 0, 0.3)]
    """
    runs = list(runs)
    if not runs:
        raise InvalidArgumentError("runs", [], "must contain at least one run", "pass result.get_all_runs()")
    budgets: dict[ConfigId, list[float]] = {}
    on_rung: dict[tuple[int, float], list[AnyRun]] = {}
    for run in runs:
        budgets.setdefault(run.config_id, []).append(run.budget)
        on_rung.setdefault((run.config_id[0], run.budget), []).append(run)
    first = {config_id: min(each) for config_id, each in budgets.items()}
    last = {config_id: max(each) for config_id, each in budgets.items()}
    return tuple(
        Rung(
            iteration,
            budget,
            len(each),
            sum(first[run.config_id] == budget for run in each),
            sum(run.is_success and last[run.config_id] > budget for run in each),
            sum(not run.is_success for run in each),
            min((run.loss for run in each if run.loss is not None and run.is_success), default=None),
        )
        for (iteration, budget), each in sorted(on_rung.items())
    )


def grouped_by_iteration(rungs: Sequence[Rung], most: int) -> dict[str, tuple[Rung, ...]]:
    """Rungs by iteration, with neighbouring iterations put together where there are more than ``most`` of them.

    Returns:
        By what they are called, such as ``"3"``, ``"0 - 4"`` and ``"warm start"``; the rungs by budget.

    Example:
        >>> rungs = [Rung(i, 1.0, 9, 9, 3, 1, 0.5 - i / 10) for i in range(3)]
        >>> [(name, group[0].reached, group[0].best) for name, group in grouped_by_iteration(rungs, most=2).items()]
        [('0 - 1', 18, 0.4), ('2', 9, 0.3)]
    """
    iterations = sorted({rung.iteration for rung in rungs if rung.iteration >= 0})
    size = max(1, math.ceil(len(iterations) / most))
    groups: dict[str, dict[float, list[Rung]]] = {}
    names = {iteration: _group_name(iterations[i // size * size :][:size]) for i, iteration in enumerate(iterations)}
    for rung in sorted(rungs, key=lambda rung: (rung.iteration, rung.budget)):
        name = names.get(rung.iteration, "warm start")
        groups.setdefault(name, {}).setdefault(rung.budget, []).append(rung)
    return {name: tuple(_sum(group[budget]) for budget in sorted(group)) for name, group in groups.items()}


def _group_name(iterations: Sequence[int]) -> str:
    return f"{iterations[0]}" if len(iterations) == 1 else f"{iterations[0]} - {iterations[-1]}"


def _sum(rungs: Sequence[Rung]) -> Rung:
    return Rung(
        rungs[0].iteration,
        rungs[0].budget,
        sum(rung.reached for rung in rungs),
        sum(rung.entered for rung in rungs),
        sum(rung.promoted for rung in rungs),
        sum(rung.failed for rung in rungs),
        min((rung.best for rung in rungs if rung.best is not None), default=None),
    )
