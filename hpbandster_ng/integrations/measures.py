"""What tools are told of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence

from hpbandster_ng.engine.numbers import numbers_of
from hpbandster_ng.engine.records import JobReport

__all__ = ["measures_of", "step_of"]


def measures_of(report: JobReport) -> dict[str, float]:
    """``loss``, ``budget``, ``seconds``, and the numbers of ``info`` and of several metrics, where there are any.

    A number of ``info`` that has one of our names gets ``info.`` before it.

    Example:
        >>> from hpbandster_ng.engine.records import Job, Outcome, OutcomeState
        >>> outcome = Outcome(OutcomeState.SUCCEEDED, {"loss": 0.5, "info": {"test": {"loss": 0.7}, "budget": 1}})
        >>> measures_of(JobReport(Job((0, 0, 0), 9.0, {}, {}), outcome, "w", 0.0, 1.0, 3.5))
        {'test.loss': 0.7, 'info.budget': 1, 'budget': 9.0, 'loss': 0.5, 'seconds': 2.5}
    """
    ours: dict[str, float] = {"budget": report.job.budget}
    result = report.result or {}
    if report.result is not None:
        ours["loss"] = report.result["loss"]
    if report.started is not None:
        ours["seconds"] = report.finished - report.started
    theirs = {**numbers_of(result.get("info")), **numbers_of(result.get("metrics"))}
    return {**{f"info.{name}" if name in ours else name: number for name, number in theirs.items()}, **ours}


def step_of(budget: float, budgets: Sequence[float] | None) -> int:
    """A budget as the whole number that tools want: itself, or its rank where the run's budgets are no whole numbers.

    Args:
        budgets: of the run, where they are known.

    Example:
        >>> step_of(9.0, [1.0, 3.0, 9.0]), step_of(1 / 3, [1 / 9, 1 / 3, 1.0])
        (9, 1)
    """
    if budgets and budget in budgets and not all(float(each).is_integer() for each in budgets):
        return list(budgets).index(budget)
    return int(budget)
