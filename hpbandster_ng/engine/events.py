"""The entries of a run's log: what happened, and what was decided.

What happened comes from outside and carries when (``at``, unix seconds by the master's clock). What was decided is
written down before it is done, so that a log that ends anywhere can be folded back: nothing is drawn or decided anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hpbandster_ng.engine.records import ConfigId, Job, JobKey, JobReport, Outcome

__all__ = [
    "Decision",
    "Eliminate",
    "EndJob",
    "EndRequest",
    "Event",
    "Happening",
    "JobFinished",
    "OpenIteration",
    "QueueJob",
    "RunCancelled",
    "RunDescribed",
    "RunRequested",
    "RunResumed",
    "StartJob",
    "Tick",
    "TimeUp",
    "WorkerJoined",
    "WorkerLost",
]


@dataclass(frozen=True, slots=True)
class Happening:
    """Something happened outside.

    Attributes:
        at: when, in unix seconds by the master's clock.
    """

    at: float


@dataclass(frozen=True, slots=True)
class RunDescribed(Happening):
    """A master says what it runs: the first entry of a log, which nothing is decided by.

    Attributes:
        run_id: the run's name.
        description: what must be the same for a run to go on, in plain values: the optimizer, its seed, its settings,
            the search space as text.
    """

    run_id: str
    description: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RunRequested(Happening):
    """The user wants more.

    Attributes:
        n_iterations: so many iterations beyond those that were open when this call was made first.
        deadline: no new job from this time on (unix seconds), or None.
        total_budget: what the jobs that are queued for this call may cost, the sum of their budgets, or None.
        is_open_ended: whether further iterations follow, as many as the two limits allow.
        call: which call of ``run`` by the user's script asks, 1 for the first; one that is made again, by the script
            that was started again, goes on where it was.
        iteration_kwargs: for the constructors of the brackets that it opens.
        planned_runs, planned_budget: how many jobs these iterations run, and the sum of their budgets, if nothing fails
            and no other limit comes first, for those who look on; None where nobody knows.
    """

    n_iterations: int
    deadline: float | None = None
    total_budget: float | None = None
    is_open_ended: bool = False
    call: int = 1
    iteration_kwargs: dict[str, Any] = field(default_factory=dict)
    planned_runs: int | None = None
    planned_budget: float | None = None


@dataclass(frozen=True, slots=True)
class RunResumed(Happening):
    """A master takes the run up again, after another one of it ended or died.

    Of the workers nothing is known: who lives joins anew. What ran is queued again, which counts as nobody's loss.
    """


@dataclass(frozen=True, slots=True)
class RunCancelled(Happening):
    """The user wants no more: every job that has not ended is cancelled."""

    reason: str


@dataclass(frozen=True, slots=True)
class WorkerJoined(Happening):
    """A worker is ready for its first job."""

    worker: str


@dataclass(frozen=True, slots=True)
class WorkerLost(Happening):
    """A worker left, died or fell silent; what it ran goes back to the queue.

    Attributes:
        handed_back: whether it left by itself and gave its job back, which is no fault of that job.
    """

    worker: str
    reason: str
    handed_back: bool = False


@dataclass(frozen=True, slots=True)
class JobFinished(Happening):
    """A worker reported how an attempt ended; a late or repeated report changes nothing."""

    config_id: ConfigId
    budget: float
    attempt: int
    worker: str
    outcome: Outcome

    @property
    def key(self) -> JobKey:
        return self.config_id, self.budget


@dataclass(frozen=True, slots=True)
class Tick(Happening):
    """Time has passed; never stored."""


@dataclass(frozen=True, slots=True)
class TimeUp(Tick):
    """The time that the backend was given is over: none of its workers is left, and none will come."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Something is to be done.

    Attributes:
        at: when it was decided, in unix seconds by the master's clock.
    """

    at: float


@dataclass(frozen=True, slots=True)
class OpenIteration(Decision):
    """The next bracket begins."""

    iteration: int


@dataclass(frozen=True, slots=True)
class QueueJob(Decision):
    """A job is due; a new configuration enters the run with its first job."""

    job: Job


@dataclass(frozen=True, slots=True)
class StartJob(Decision):
    """A worker gets a queued job.

    Attributes:
        attempt: 1 for the first try, one more after each loss of a worker.
        time_limit: seconds after which the evaluation is killed, or None.
        previous_budget: the largest budget that this configuration has succeeded on, or None.
    """

    config_id: ConfigId
    budget: float
    attempt: int
    worker: str
    time_limit: float | None = None
    previous_budget: float | None = None

    @property
    def key(self) -> JobKey:
        return self.config_id, self.budget


@dataclass(frozen=True, slots=True)
class EndJob(Decision):
    """A job has come to its one end; the report tells everything about it.

    Attributes:
        report: the job, its outcome, where and when it ran.

    Example:
        >>> from hpbandster_ng.engine.records import OutcomeState
        >>> job = Job((0, 0, 0), 9.0, {"x": 0.5}, {})
        >>> outcome = Outcome(OutcomeState.SUCCEEDED, {"loss": 0.1, "info": None})
        >>> EndJob(12.0, JobReport(job, outcome, "w", submitted=10.0, started=10.5, finished=12.0)).key
        ((0, 0, 0), 9.0)
    """

    report: JobReport

    @property
    def key(self) -> JobKey:
        return self.report.job.key


@dataclass(frozen=True, slots=True)
class Eliminate(Decision):
    """A configuration is out: it failed, was lost or was not promoted, and will never run again.

    It comes once, and never for a configuration that went all the way or was cancelled.
    """

    config_id: ConfigId


@dataclass(frozen=True, slots=True)
class EndRequest(Decision):
    """The next job would cost more than is left of the request's total budget: no further one is queued for it."""


Event = Happening | Decision
"""An entry of the log."""
