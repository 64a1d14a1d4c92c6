"""Which worker runs what.

A job goes through these states::

    QueueJob          StartJob           JobFinished            EndJob
    --------> QUEUED ---------> RUNNING ------------> ENDING ----------> gone, with one outcome
                 ^                 |                    ^
                 |   WorkerLost    |     WorkerLost     |
                 +--- attempts <---+---> no attempts ---+
                      are left           are left

and ``RunCancelled`` ends whatever is queued or running, ``RunResumed`` queues again what was running. The pool is told
by :meth:`Pool.apply`, which changes state and nothing else, and asked by :meth:`Pool.next_ending` and
:meth:`Pool.next_start`, which change nothing.
"""

from __future__ import annotations

import enum
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from hpbandster_ng.engine.checks import check_whole
from hpbandster_ng.engine.events import (
    EndJob,
    Event,
    Happening,
    JobFinished,
    QueueJob,
    RunCancelled,
    RunResumed,
    StartJob,
    WorkerJoined,
    WorkerLost,
)
from hpbandster_ng.engine.records import Job, JobKey, JobReport, Outcome, OutcomeState
from hpbandster_ng.engine.time_limit import JobTimeout, TimeLimit
from hpbandster_ng.errors import IllegalTransitionError, InvalidArgumentError

__all__ = ["JobState", "Pool", "Task"]


class JobState(enum.Enum):
    """Where a job that has not ended stands."""

    QUEUED = "queued"
    RUNNING = "running"
    ENDING = "ending"


_TRANSITIONS: dict[tuple[JobState | None, type[Event]], frozenset[JobState | None]] = {
    (None, QueueJob): frozenset({JobState.QUEUED}),
    (JobState.QUEUED, StartJob): frozenset({JobState.RUNNING}),
    (JobState.QUEUED, RunCancelled): frozenset({JobState.ENDING}),
    (JobState.QUEUED, EndJob): frozenset({None}),
    (JobState.RUNNING, JobFinished): frozenset({JobState.ENDING}),
    (JobState.RUNNING, WorkerLost): frozenset({JobState.QUEUED, JobState.ENDING}),
    (JobState.RUNNING, RunResumed): frozenset({JobState.QUEUED}),
    (JobState.RUNNING, RunCancelled): frozenset({JobState.ENDING}),
    (JobState.ENDING, EndJob): frozenset({None}),
}
"""Every legal step of a job; anything else is a fault of ours."""


_PATIENCE = 0.05
_LEAST_PATIENCE = 1.0
_MANY_WORKERS = 64
"""A worker among so many waits for a model for this share of what its last evaluation took, or so many seconds. With
fewer workers no queue gets so long; if one seems to, the machine stood still."""


@dataclass(slots=True)
class Task:
    """A job that has not ended, and its story so far.

    Attributes:
        attempt: how often it was started.
        losses: how often its worker was lost, without handing it back.
    """

    job: Job
    submitted: float
    state: JobState | None = None
    attempt: int = 0
    losses: int = 0
    worker: str | None = None
    started: float | None = None
    outcome: Outcome | None = None
    story: list[tuple[float, str, JobState | None]] = field(default_factory=list)

    def move(self, event: Event, to: JobState | None) -> None:
        """Take one step of the transition table.

        Raises:
            IllegalTransitionError: the table has no such step; the message tells the story.
        """
        if to not in _TRANSITIONS.get((self.state, type(event)), ()):
            raise IllegalTransitionError(
                f"job {self.job.key} is {_named(self.state)} and cannot become "
                f"{to.value if to else 'ended'} by {event}; its story: {self.told}"
            )
        self.story.append((event.at, type(event).__name__, self.state))
        self.state = to

    @property
    def told(self) -> str:
        """The story in one line."""
        return "; ".join(f"{at:.3f} {what} in state {_named(state)}" for at, what, state in self.story) or "none"

    def report(self, outcome: Outcome, at: float) -> JobReport:
        return JobReport(self.job, outcome, self.worker, self.submitted, self.started, at)


def _named(state: JobState | None) -> str:
    return state.value if state else "new"


class Pool:
    """Workers, the jobs they run, and the jobs that wait.

    Args:
        queue_sizes: ``(low, high)``: once ``high`` jobs have not ended, no further one is asked for until no more than
            ``low`` have not.
        dynamic: whether both count relative to the number of workers. With the default of (-1, 0) a job is decided
            upon only when a worker is free for it. However low the two are, a worker never waits for nothing: while
            there is one, ``low`` counts as at least 0 and ``high`` as at least 1.
        max_attempts: so many losses of its worker become a job's outcome. That the master goes, or that a worker hands
            its job back, is no loss.
        job_timeout: seconds that an evaluation may take, or a function of the budget; None for no limit.

    Attributes:
        time_limit: tells the limit of a job on a budget.

    Raises:
        InvalidArgumentError: ``low`` is not below ``high``, or is negative where the sizes are not dynamic;
            ``max_attempts`` is no whole number of at least 1; or ``job_timeout`` is neither positive nor callable.

    Example:
        >>> pool = Pool()
        >>> pool.apply(WorkerJoined(1.0, "w"))
        >>> pool.wants_job
        True
        >>> pool.apply(QueueJob(2.0, Job((0, 0, 0), 9.0, {"x": 0.5}, {})))
        >>> pool.next_start(2.0).worker
        'w'
    """

    def __init__(
        self,
        queue_sizes: tuple[int, int] = (-1, 0),
        dynamic: bool = True,
        max_attempts: int = 3,
        job_timeout: JobTimeout = None,
    ) -> None:
        if not queue_sizes[0] < queue_sizes[1]:
            raise InvalidArgumentError(
                "job_queue_sizes", queue_sizes, "must be (low, high) with low < high", "the default is (-1, 0)"
            )
        if not dynamic and queue_sizes[0] < 0:
            raise InvalidArgumentError(
                "job_queue_sizes",
                queue_sizes,
                "must not be negative where they do not grow with the workers",
                "use (0, 1), or dynamic_queue_size=True",
            )
        self.queue_sizes = queue_sizes
        self.dynamic = dynamic
        self.max_attempts = check_whole("max_attempts", max_attempts, 1, "the default is 3")
        self.time_limit = TimeLimit(job_timeout)
        self.tasks: dict[JobKey, Task] = {}
        self.workers: dict[str, tuple[JobKey, int] | None] = {}
        self._idle: OrderedDict[str, None] = OrderedDict()
        self._queue: deque[JobKey] = deque()
        self._ending: deque[JobKey] = deque()
        self._filling = True
        self._stock = 0

    @property
    def num_running(self) -> int:
        return len(self.workers) - len(self._idle)

    @property
    def queued(self) -> Sequence[JobKey]:
        """The jobs that wait for a worker, the next one first."""
        return self._queue

    @property
    def wants_job(self) -> bool:
        """Whether the planner should decide on another job."""
        return self._filling and len(self.tasks) < self._limits()[1]

    def has_waited(self, happening: Happening, lag: float) -> bool:
        """Whether a worker whose job has ended has waited too long to be kept waiting for a model's choice.

        Args:
            lag: seconds since the job has ended.
        """
        if not isinstance(happening, JobFinished) or len(self.workers) < _MANY_WORKERS:
            return False
        task = self.tasks.get(happening.key)
        if task is None or task.started is None:
            return False
        return lag > max(_LEAST_PATIENCE, _PATIENCE * (happening.at - task.started))

    def next_ending(self, at: float) -> EndJob | None:
        """A job that has come to its end, if there is one."""
        if not self._ending:
            return None
        task = self.tasks[self._ending[0]]
        return EndJob(at, task.report(task.outcome or Outcome(OutcomeState.CANCELLED), at))

    def next_start(self, at: float) -> StartJob | None:
        """The next queued job for the worker that has been idle longest, if there are both.

        Raises:
            InvalidArgumentError: the user's ``job_timeout`` returned no finite number above 0 for its budget.
        """
        if not (self._queue and self._idle):
            return None
        return self.start_of(self._queue[0], at, next(iter(self._idle)))

    def start_of(self, key: JobKey, at: float, worker: str) -> StartJob:
        """How a queued job is started.

        Raises:
            InvalidArgumentError: see :meth:`next_start`.
        """
        task = self.tasks[key]
        return StartJob(at, *key, task.attempt + 1, worker, self.time_limit(task.job.budget))

    def stock(self, count: int) -> None:
        """From now on, so many jobs more may wait for a worker than ``queue_sizes`` say."""
        self._stock = count
        self._update_filling()

    def apply(self, event: Event) -> None:
        """Take note of an event; those that do not concern the pool are ignored.

        Raises:
            IllegalTransitionError: the event cannot happen in this state.
        """
        match event:
            case QueueJob():
                self._queue_job(event)
            case StartJob():
                self._start(event)
            case JobFinished():
                self._finish(event)
            case EndJob():
                self._end(event)
            case WorkerJoined():
                self._join(event)
            case WorkerLost():
                self._lose(event)
            case RunCancelled():
                self._cancel(event)
            case RunResumed():
                self._resume(event)
        self._update_filling()

    def _limits(self) -> tuple[int, int]:
        low, high = self.queue_sizes
        workers = len(self.workers)
        if self.dynamic and workers:
            low, high = max(0, low + workers), max(1, high + workers)
        return low + self._stock, high + self._stock

    def _update_filling(self) -> None:
        low, high = self._limits()
        if len(self.tasks) >= high:
            self._filling = False
        if len(self.tasks) <= low:
            self._filling = True

    def _queue_job(self, event: QueueJob) -> None:
        key = event.job.key
        task = self.tasks.get(key) or Task(event.job, event.at)
        task.move(event, JobState.QUEUED)
        self.tasks[key] = task
        self._queue.append(key)

    def _start(self, event: StartJob) -> None:
        task = self._task(event.key, event)
        if event.worker not in self._idle:
            busy = f"running {self.workers[event.worker]}" if event.worker in self.workers else "unknown"
            raise IllegalTransitionError(
                f"worker {event.worker!r} cannot start job {event.key}: it is {busy}; the job's story: {task.told}"
            )
        task.move(event, JobState.RUNNING)
        task.attempt, task.worker, task.started = event.attempt, event.worker, event.at
        self._queue.remove(event.key)
        del self._idle[event.worker]
        self.workers[event.worker] = event.key, event.attempt

    def _finish(self, event: JobFinished) -> None:
        if self.workers.get(event.worker) == (event.key, event.attempt):
            self.workers[event.worker] = None
            self._idle[event.worker] = None
        task = self.tasks.get(event.key)
        if task is None or (task.state, task.attempt, task.worker) != (JobState.RUNNING, event.attempt, event.worker):
            return
        self._bring_to_end(task, event, event.outcome)

    def _end(self, event: EndJob) -> None:
        task = self._task(event.key, event)
        queue = self._queue if task.state is JobState.QUEUED else self._ending
        task.move(event, None)
        queue.remove(event.key)
        del self.tasks[event.key]

    def _join(self, event: WorkerJoined) -> None:
        if event.worker in self.workers:
            raise IllegalTransitionError(f"worker {event.worker!r} cannot join: it is here already")
        self.workers[event.worker] = None
        self._idle[event.worker] = None

    def _lose(self, event: WorkerLost) -> None:
        if event.worker not in self.workers:
            raise IllegalTransitionError(f"worker {event.worker!r} cannot be lost: it is not here")
        running = self.workers.pop(event.worker)
        self._idle.pop(event.worker, None)
        task = self.tasks.get(running[0]) if running else None
        if task is None or task.worker != event.worker or task.state is not JobState.RUNNING:
            return
        task.losses += not event.handed_back
        if task.losses < self.max_attempts:
            self._queue_again(task, event)
            return
        reason = f"worker {event.worker} was lost ({event.reason}) in attempt {task.losses} of {self.max_attempts}"
        self._bring_to_end(task, event, Outcome(OutcomeState.LOST, error=reason))

    def _resume(self, event: RunResumed) -> None:
        self.workers.clear()
        self._idle.clear()
        for task in reversed(list(self.tasks.values())):
            if task.state is JobState.RUNNING:
                self._queue_again(task, event)

    def _queue_again(self, task: Task, event: Event) -> None:
        task.move(event, JobState.QUEUED)
        self._queue.appendleft(task.job.key)

    def _cancel(self, event: RunCancelled) -> None:
        for task in self.tasks.values():
            if task.state is not JobState.ENDING:
                self._bring_to_end(task, event, Outcome(OutcomeState.CANCELLED, error=event.reason))
        self._queue.clear()

    def _bring_to_end(self, task: Task, event: Event, outcome: Outcome) -> None:
        task.move(event, JobState.ENDING)
        task.outcome = outcome
        self._ending.append(task.job.key)

    def _task(self, key: JobKey, event: Event) -> Task:
        if key not in self.tasks:
            raise IllegalTransitionError(f"{event} speaks of job {key}, which was never queued or has ended")
        return self.tasks[key]
