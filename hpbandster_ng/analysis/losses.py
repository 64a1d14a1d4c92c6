"""Losses over time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hpbandster_ng.analysis.runs import AnyRun, spans_magnitudes, successful_runs
from hpbandster_ng.engine.records import ConfigId, OutcomeState
from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["Failures", "LossesOnBudget", "LossesOverTime", "losses_over_time"]

Array = npt.NDArray[np.float64]

_FAILURES = (OutcomeState.FAILED, OutcomeState.INVALID, OutcomeState.TIMED_OUT, OutcomeState.LOST)


@dataclass(frozen=True)
class LossesOnBudget:
    """The successful runs on one budget, in the order of their ends.

    Attributes:
        config_ids: n configurations.
        times: when each finished, seconds, shape (n,).
        losses: shape (n,).
        best: the lowest so far, shape (n,).
    """

    budget: float
    config_ids: tuple[ConfigId, ...]
    times: Array
    losses: Array

    @property
    def best(self) -> Array:
        return np.minimum.accumulate(self.losses)


@dataclass(frozen=True)
class Failures:
    """The runs that ended without a loss in one of the ways to do so: which, and when, in seconds."""

    outcome: OutcomeState
    config_ids: tuple[ConfigId, ...]
    times: tuple[float, ...]


@dataclass(frozen=True)
class LossesOverTime:
    """What came of all runs, and when.

    Attributes:
        on_budgets: by ascending budget.
        failures: those kinds that there are.
        begin, end: when the first and the last run finished, seconds.
        is_log: whether the losses span orders of magnitude.
    """

    on_budgets: tuple[LossesOnBudget, ...]
    failures: tuple[Failures, ...]
    begin: float
    end: float
    is_log: bool


def losses_over_time(runs: Iterable[AnyRun], loss_of: Callable[[Any], float | None]) -> LossesOverTime:
    """Gather the losses by budget and time.

    Args:
        runs: of a result.
        loss_of: gives the loss of a successful run, or another value of it.

    Raises:
        InvalidArgumentError: no run has a finite loss.

    Example:
        >>> from hpbandster_ng.core.run import Run
        >>> losses = [0.5, 0.7, 0.2]
        >>> runs = [Run((0, 0, i), 9, loss, None, {"finished": i}, None) for i, loss in enumerate(losses)]
        >>> losses_over_time(runs, lambda run: run.loss).on_budgets[0].best.tolist()
        [0.5, 0.5, 0.2]
    """
    runs = list(runs)
    points: dict[float, list[tuple[float, float, ConfigId]]] = {}
    for run, _ in successful_runs(runs):
        loss = loss_of(run)
        if loss is not None and math.isfinite(loss):
            points.setdefault(run.budget, []).append((run.time_stamps["finished"], loss, run.config_id))
    if not points:
        raise InvalidArgumentError(
            "get_loss_from_run_fn",
            loss_of,
            "must give a finite number for at least one successful run",
            "look at run.info of a run",
        )
    times = [run.time_stamps["finished"] for run in runs]
    every_loss = [loss for each in points.values() for _, loss, _ in each]
    on_budgets = tuple(_on_budget(budget, points[budget]) for budget in sorted(points))
    return LossesOverTime(on_budgets, _failures(runs), min(times), max(times), spans_magnitudes(every_loss))


def _on_budget(budget: float, points: Sequence[tuple[float, float, ConfigId]]) -> LossesOnBudget:
    times, losses, config_ids = zip(*sorted(points), strict=True)
    return LossesOnBudget(budget, config_ids, np.array(times, dtype=np.float64), np.array(losses, dtype=np.float64))


def _failures(runs: Iterable[AnyRun]) -> tuple[Failures, ...]:
    failed = [run for run in runs if not run.is_success]
    of_kind = {outcome: [run for run in failed if run.outcome is outcome] for outcome in _FAILURES}
    return tuple(
        Failures(outcome, tuple(run.config_id for run in each), tuple(run.time_stamps["finished"] for run in each))
        for outcome, each in of_kind.items()
        if each
    )
