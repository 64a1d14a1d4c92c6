"""One evaluation, as users look at it after a run."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hpbandster_ng.engine.records import ConfigId, OutcomeState
from hpbandster_ng.engine.schedule import budget_text

__all__ = ["ConfigId", "LearningCurve", "OutcomeState", "Run", "budget_text", "extract_HBS_learning_curves"]

LearningCurve = list[tuple[float, float]]
"""Points ``(t, loss)``; ``t`` is a budget, a time in seconds, or whatever the extractor takes it for."""


@dataclass
class Run:
    """One configuration on one budget.

    Attributes:
        config_id: which configuration.
        budget: on which budget.
        loss: what came of it; None if it failed.
        info: what ``compute`` returned beside the loss; None if it failed.
        time_stamps: ``submitted``, ``started`` and ``finished``, in seconds since the start of the run; those of a
            warm start are 0 or negative. A run that no worker ever got has no ``started``.
        error_logs: the traceback or the reason if it failed, else None.
        outcome: what it came to: ``SUCCEEDED``, ``FAILED`` (``compute`` raised, or took its process with it),
            ``INVALID`` (what it returned is no result), ``TIMED_OUT`` or ``LOST`` (the worker or its machine went
            away). Where that was not written down, as by the predecessor, a run without a finite loss has failed.
        worker: who computed it; None where nobody told, as the predecessor and its logs do not, or where none ever
            started it.

    Example:
        >>> run = Run((0, 0, 1), 9.0, 0.25, {"accuracy": 0.75}, {"finished": 1.5}, None)
        >>> run.loss, run["loss"], run.outcome
        (0.25, 0.25, <OutcomeState.SUCCEEDED: 'succeeded'>)
    """

    config_id: ConfigId
    budget: float
    loss: float | None
    info: Any
    time_stamps: dict[str, float]
    error_logs: str | None
    outcome: OutcomeState = None  # type: ignore[assignment] # where it is not told, the loss tells it
    worker: str | None = None

    def __post_init__(self) -> None:
        if self.outcome is None:
            self.outcome = OutcomeState.SUCCEEDED if self.is_success else OutcomeState.FAILED

    def __getitem__(self, name: str) -> Any:
        if name not in self.__dataclass_fields__:
            raise KeyError(name)
        return getattr(self, name)

    @property
    def is_success(self) -> bool:
        """Whether there is a finite loss."""
        return self.loss is not None and math.isfinite(self.loss)


def extract_HBS_learning_curves(runs: Iterable[Run]) -> list[LearningCurve]:
    """The loss over the budget: the curve that a bracket itself sees of a configuration.

    This is the default of ``Result.get_learning_curves`` and the pattern for extractors of your own, which may return
    several curves for a configuration.

    Args:
        runs: all runs of one configuration.

    Returns:
        One curve, without the failed runs.

    Example:
        >>> runs = [Run((0, 0, 0), 3.0, 0.2, None, {}, None), Run((0, 0, 0), 1.0, 0.4, None, {}, None)]
        >>> extract_HBS_learning_curves(runs)
        [[(1.0, 0.4), (3.0, 0.2)]]
    """
    return [sorted((run.budget, run.loss) for run in runs if run.loss is not None)]
