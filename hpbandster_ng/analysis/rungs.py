"""How far the configurations of a run came: rung by rung, iteration by iteration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hpbandster_ng.analysis.runs import AnyRun
from hpbandster_ng.engine.records import ConfigId
from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["Rung", "rung_survival"]


@dataclass(frozen=True)
class Rung:
    """The configurations of one iteration that ran on one budget.

    Attributes:
        iteration: the one in which they were drawn; -1 is a warm start.
        budget: the rung.
        reached: how many ran here.
        entered: how many of them ran here first.
        promoted: how many of them ran on a larger budget later.
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
            sum(last[run.config_id] > budget for run in each),
            sum(not run.is_success for run in each),
            min((run.loss for run in each if run.loss is not None and run.is_success), default=None),
        )
        for (iteration, budget), each in sorted(on_rung.items())
    )
