"""Deciding for processes that come and go: who asks gets a job, who reports ends it, who is silent loses it.

A run with a master has workers that stay. Here, each job is a worker of its own in the pool: it joins for one job and
leaves with it. Everything else, brackets and generators, is as in any run, because the planner is the same. That such a
worker joins and leaves follows from the start and the end of its job, so that only these are recorded: every process
reads what all of them write.

Where many ask at the same time, who decides does so for others, too: jobs that wait are offers, and taking one is all
that the others need to do. To end a job takes no knowledge of other jobs either.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from hpbandster_ng.engine.events import EndJob, Event, JobFinished, QueueJob, StartJob, WorkerJoined, WorkerLost
from hpbandster_ng.engine.planner import NOT_PLAIN, Planner
from hpbandster_ng.engine.pool import Task
from hpbandster_ng.engine.records import Job, JobReport, Outcome
from hpbandster_ng.errors import IllegalTransitionError

__all__ = ["OpenJob", "Suggestions"]


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A job that somebody has.

    Attributes:
        holder: the name that it was given under, no other job's.
        job: what is to be evaluated.
        submitted: when it was decided upon.
        start: how it was given: when, with which attempt, time limit and previous budget.
    """

    holder: str
    job: Job
    submitted: float
    start: StartJob

    @classmethod
    def taken(cls, offer: Sequence[Event], at: float, holder: str) -> OpenJob:
        """What becomes of one of :attr:`Suggestions.offers` that somebody takes."""
        match offer:
            case [QueueJob() as queue, StartJob() as start]:
                return cls(holder, queue.job, queue.at, replace(start, at=at, worker=holder))
        raise IllegalTransitionError(f"{offer} is no offer of a job")

    def ended(self, at: float, outcome: Outcome) -> EndJob:
        """How its end is recorded, whatever else has happened."""
        return EndJob(at, JobReport(self.job, outcome, self.holder, self.submitted, self.start.at, at))


class Suggestions:
    """The jobs of a log that many processes write.

    What is decided is returned as the events to be recorded, and is folded already: who cannot record them must begin
    anew with what is recorded.

    Args:
        planner: decides.

    Example:
        >>> from hpbandster_ng.engine.config_generator import ConfigGenerator
        >>> from hpbandster_ng.engine.events import RunRequested
        >>> from hpbandster_ng.engine.iteration import Iteration
        >>> from hpbandster_ng.engine.pool import Pool
        >>> from hpbandster_ng.engine.records import OutcomeState
        >>> def make(i):
        ...     return Iteration(i, [1], [9], lambda budget: ({"x": 0.5}, {}))
        >>> suggestions = Suggestions(Planner(make, ConfigGenerator(), Pool(), seed=0))
        >>> suggestions.fold([RunRequested(0.0, n_iterations=1)])
        >>> events = suggestions.give(1.0, "process 1")
        >>> [type(event).__name__ for event in events]
        ['OpenIteration', 'QueueJob', 'StartJob']
        >>> suggestions.job_of("process 1").job.config, suggestions.has_job(2.0)
        ({'x': 0.5}, False)
        >>> outcome = Outcome(OutcomeState.SUCCEEDED, {"loss": 0.1, "info": None})
        >>> [type(event).__name__ for event in suggestions.end(3.0, "process 1", outcome)]
        ['EndJob']
        >>> suggestions.is_finished
        True
    """

    def __init__(self, planner: Planner) -> None:
        self.planner = planner
        self._starts: dict[str, StartJob] = {}

    def fold(self, events: Iterable[Event]) -> None:
        """Take note of what was recorded; decides nothing."""
        for event in events:
            match event:
                case StartJob():
                    self.planner.replay([WorkerJoined(event.at, event.worker)])
                case EndJob() if (holder := str(event.report.worker_name)) in self._starts:
                    self.planner.replay(_leaving(self._task_of(holder), event.at, event.report.outcome))
            self.planner.replay([event])
            self._note(event)

    @property
    def is_finished(self) -> bool:
        """Whether all that was asked for is done."""
        return self.planner.is_finished

    @property
    def holders(self) -> Collection[str]:
        """Who has a job, in the order in which they got it."""
        return self._starts.keys()

    def job_of(self, holder: str) -> OpenJob:
        """What one of :attr:`holders` has."""
        task = self._task_of(holder)
        return OpenJob(holder, task.job, task.submitted, self._starts[holder])

    @property
    def num_waiting(self) -> int:
        """How many jobs wait for somebody to ask."""
        return len(self.planner.pool.queued)

    def offers(self, at: float) -> list[tuple[QueueJob, StartJob]]:
        """The jobs that wait, the next one first: each as it was decided upon, and as it would start now."""
        pool, planner = self.planner.pool, self.planner
        waiting = [pool.tasks[key] for key in pool.queued if NOT_PLAIN not in pool.tasks[key].job.config_info]
        return [
            (
                QueueJob(task.submitted, task.job),
                replace(
                    pool.start_of(task.job.key, at, ""), previous_budget=planner.previous_budget(task.job.config_id)
                ),
            )
            for task in waiting
        ]

    def has_job(self, at: float) -> bool:
        """Whether there is one for who asks now."""
        return self.planner.has_job(at)

    def give(self, at: float, holder: str) -> list[Event]:
        """Give somebody a job; it is among :attr:`holders` then, unless there was none that could be sent to anybody.

        Args:
            at: unix seconds.
            holder: a name that no job was given under before.
        """
        events = self._decisions(WorkerJoined(at, holder))
        if self.planner.pool.workers[holder] is None:
            events += self._decisions(WorkerLost(at, holder, "there is no job for it", handed_back=True))
        return events

    def stock(self, at: float, count: int) -> list[Event]:
        """Decide ahead for who asks next, until so many jobs wait, or there are none to be had now."""
        self.planner.pool.stock(count)
        decisions: list[Event] = list(self.planner.decide(at))
        self.planner.pool.stock(0)
        return decisions

    def end(self, at: float, holder: str, outcome: Outcome) -> list[Event]:
        """A job that somebody has ended."""
        finished, left = _leaving(self._task_of(holder), at, outcome)
        self.planner.replay([finished])
        return self._decisions(left)

    def take_back(self, at: float, holder: str, reason: str, is_lost: bool) -> list[Event]:
        """Somebody gives a job back, or is lost with it: it will be given to somebody else.

        Args:
            is_lost: whether this counts as one of the job's attempts.
        """
        self._task_of(holder)
        lost = WorkerLost(at, holder, reason, handed_back=not is_lost)
        self._note(lost)
        return [lost, *self._decisions(lost)]

    def _decisions(self, happening: WorkerJoined | WorkerLost) -> list[Event]:
        decisions = self.planner.handle(happening)
        for decision in decisions:
            self._note(decision)
        return list(decisions)

    def _note(self, event: Event) -> None:
        match event:
            case StartJob():
                self._starts[event.worker] = event
            case WorkerLost():
                self._starts.pop(event.worker, None)
            case EndJob():
                self._starts.pop(str(event.report.worker_name), None)

    def _task_of(self, holder: str) -> Task:
        if holder not in self._starts:
            raise IllegalTransitionError(f"{holder!r} has no job")
        return self.planner.pool.tasks[self._starts[holder].key]


def _leaving(task: Task, at: float, outcome: Outcome) -> tuple[JobFinished, WorkerLost]:
    """What an ending job is to the pool: its worker has finished, and is gone."""
    worker = str(task.worker)
    finished = JobFinished(at, *task.job.key, task.attempt, worker, outcome)
    return finished, WorkerLost(at, worker, "its job has ended", handed_back=True)
