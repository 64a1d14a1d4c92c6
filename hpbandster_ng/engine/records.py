"""The facts of a run, one frozen type each."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Config", "ConfigId", "Job", "JobKey", "JobReport", "Outcome", "OutcomeState"]

ConfigId = tuple[int, int, int]
"""(iteration, stage, index): where and as which a configuration entered the run; iteration -1 is a warm start."""

JobKey = tuple[ConfigId, float]
"""A configuration on a budget: the identity of a job."""

Config = dict[str, Any]
"""A configuration: plain Python values by hyperparameter name; inactive hyperparameters are absent."""


@dataclass(frozen=True, slots=True)
class Job:
    """One configuration to be evaluated on one budget."""

    config_id: ConfigId
    budget: float
    config: Config
    config_info: Mapping[str, Any]

    @property
    def key(self) -> JobKey:
        return self.config_id, self.budget


class OutcomeState(enum.Enum):
    """The six ends that a job can come to; each job comes to exactly one."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """``compute`` raised, or took its process with it: the configuration's own fault."""
    INVALID = "invalid return"
    """What ``compute`` returned is no result: the configuration's own fault."""
    TIMED_OUT = "timed out"
    """It took longer than its time limit and was killed: the configuration's own fault."""
    LOST = "lost"
    """The worker or its machine went away, more often than the attempts allow: nobody learns from it."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended.

    Attributes:
        state: which of the six ends.
        result: ``{"loss": float, "info": plain}`` where it succeeded, else None.
        error: a traceback or a reason where it did not, else None.

    Example:
        >>> Outcome(OutcomeState.FAILED, error="Traceback ...").is_configs_fault
        True
        >>> Outcome(OutcomeState.LOST, error="its worker fell silent").is_configs_fault
        False
    """

    state: OutcomeState
    result: dict[str, Any] | None = None
    error: str | None = None

    @property
    def is_configs_fault(self) -> bool:
        """Whether a model may learn from it that the configuration is bad."""
        return self.state in (OutcomeState.FAILED, OutcomeState.INVALID, OutcomeState.TIMED_OUT)


@dataclass(frozen=True, slots=True)
class JobReport:
    """A finished job, with the attribute names that generators, loggers and iterations of users read.

    Attributes:
        job: what ran.
        outcome: how it ended.
        worker_name: where, or None if it never started.
        submitted, started, finished: unix seconds by the master's clock; ``started`` is None if it never started.
    """

    job: Job
    outcome: Outcome
    worker_name: str | None
    submitted: float
    started: float | None
    finished: float

    @property
    def id(self) -> ConfigId:
        return self.job.config_id

    @property
    def kwargs(self) -> dict[str, Any]:
        return {"config": self.job.config, "budget": self.job.budget}

    @property
    def result(self) -> dict[str, Any] | None:
        return self.outcome.result

    @property
    def exception(self) -> str | None:
        return self.outcome.error

    @property
    def timestamps(self) -> dict[str, float]:
        stamps = {"submitted": self.submitted, "started": self.started, "finished": self.finished}
        return {name: at for name, at in stamps.items() if at is not None}
