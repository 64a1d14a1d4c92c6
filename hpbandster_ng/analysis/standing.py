"""Where a run stands, folded from its log."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hpbandster_ng.engine.events import (
    EndJob,
    EndRequest,
    Event,
    OpenIteration,
    QueueJob,
    RunCancelled,
    RunDescribed,
    RunRequested,
    RunResumed,
    StartJob,
    WorkerJoined,
    WorkerLost,
)
from hpbandster_ng.engine.records import Job, JobKey, JobReport, OutcomeState

__all__ = ["Rung", "Standing"]


@dataclass
class Rung:
    """How many jobs of an iteration wait, run and have ended on one budget."""

    queued: int = 0
    running: int = 0
    ended: int = 0


@dataclass
class _Duration:
    """Seconds that jobs on one budget took."""

    total: float = 0.0
    count: int = 0


@dataclass
class _Asked:
    """What a call of ``run`` asks for.

    Attributes:
        first: the number of its first iteration.
        runs, budget: planned for it; infinite where nobody knows.
    """

    first: int
    runs: float = math.inf
    budget: float = math.inf


@dataclass
class Standing:
    """Where a run stands.

    Attributes:
        run_id: its name; None as long as no log tells it.
        requests: what was asked for, in order; a call that is made again, after a crash or for more, is there again.
        n_asked: iterations that were asked for; infinite, if as many as the limits allow.
        is_spent: whether the total budget of the last request leaves nothing to begin.
        cancelled: why the user wants no more, or None.
        n_begun: iterations that have begun.
        workers: when each of those that are there joined, in unix seconds.
        left: the last worker that was lost, or None.
        queued, running: jobs that wait for a worker; those that have one, with what was said when they started.
        ended: how many jobs came to which end.
        incumbent: the best run on the largest budget that any run has succeeded on, or None.
        last_at: the time of the last event, in unix seconds.

    Example:
        >>> standing = Standing()
        >>> standing.handle(RunRequested(at=0.0, n_iterations=4))
        >>> standing.handle(OpenIteration(at=1.0, iteration=0))
        >>> standing.n_begun, standing.n_asked
        (1, 4)
    """

    run_id: str | None = None
    requests: list[RunRequested] = field(default_factory=list)
    n_asked: float = 0
    is_spent: bool = False
    cancelled: str | None = None
    n_begun: int = 0
    workers: dict[str, float] = field(default_factory=dict)
    left: WorkerLost | None = None
    queued: dict[JobKey, Job] = field(default_factory=dict)
    running: dict[JobKey, StartJob] = field(default_factory=dict)
    ended: Counter[OutcomeState] = field(default_factory=Counter)
    incumbent: JobReport | None = None
    last_at: float | None = None
    _calls: dict[int, _Asked] = field(default_factory=dict, repr=False)
    _budget_done: float = 0.0
    _durations: defaultdict[float, _Duration] = field(default_factory=lambda: defaultdict(_Duration))
    _ended_on: Counter[tuple[int, float]] = field(default_factory=Counter, repr=False)
    _jobs: dict[JobKey, Job] = field(default_factory=dict, repr=False)
    _there: float = 0.0
    _computed: float = 0.0

    @property
    def rungs(self) -> dict[tuple[int, float], Rung]:
        """Those on which something waits or runs, by iteration and budget."""
        waiting, running = (
            Counter((iteration, budget) for (iteration, _, _), budget in jobs) for jobs in (self.queued, self.running)
        )
        places = sorted(waiting.keys() | running.keys())
        return {place: Rung(waiting[place], running[place], self._ended_on[place]) for place in places}

    @property
    def n_done(self) -> int:
        """Jobs that have ended; what was cancelled does not count."""
        return self.ended.total() - self.ended[OutcomeState.CANCELLED]

    @property
    def n_failed(self) -> int:
        return self.n_done - self.ended[OutcomeState.SUCCEEDED]

    @property
    def n_planned(self) -> int | None:
        """Jobs that all requests run, if nothing fails; None if nobody knows."""
        planned = sum(asked.runs for asked in self._calls.values())
        return int(planned) if 0 < planned < math.inf else None

    @property
    def budget_planned(self) -> float | None:
        """What all requests may spend, the sum of the budgets of their jobs; None if nobody knows."""
        planned = math.fsum(asked.budget for asked in self._calls.values())
        return planned if 0 < planned < math.inf else None

    @property
    def is_finished(self) -> bool:
        """Whether all that was asked for is done."""
        is_idle = not self.queued and not self.running
        return bool(self.requests) and is_idle and (self.is_spent or self.n_begun >= self.n_asked)

    def mean_seconds(self, budget: float) -> float | None:
        """What a job on that budget took so far; None if none has ended."""
        duration = self._durations.get(budget)
        return None if duration is None else duration.total / duration.count

    def seconds_left(self, now: float) -> float | None:
        """Until all that was asked for is done, as fast as it went so far; None if that cannot be told.

        A job takes what every job takes, and more for a larger budget; both are learnt from the budgets seen so far.
        The workers that are there compute for the share of their time for which workers did so far.

        Args:
            now: unix seconds.
        """
        deadline = self.requests[-1].deadline if self.requests else None
        limit = None if deadline is None else max(0.0, deadline - now)
        planned = self.budget_planned
        if planned is None or not self._budget_done or not self.workers:
            return limit
        budget_left = max(0.0, planned - self._budget_done)
        runs = self.n_planned
        runs_left = budget_left / self._budget_done * self.n_done if runs is None else max(0, runs - self.n_done)
        fixed, slope = self._costs()
        usual = {budget: self._usual(budget) for budget in {start.budget for start in self.running.values()}}
        begun = [(now - start.at, usual[start.budget]) for start in self.running.values()]
        work = fixed * runs_left + slope * budget_left - math.fsum(min(took, takes) for took, takes in begun)
        share = self._computed / self._there if self._computed else 1.0
        left = 0.0 if self.is_spent else work / (len(self.workers) * share)
        left = max(left, max((takes - took for took, takes in begun), default=0.0), 0.0)
        return left if limit is None else min(left, limit)

    def _usual(self, budget: float) -> float:
        mean = self.mean_seconds(budget)
        if mean is not None:
            return mean
        fixed, slope = self._costs()
        return fixed + slope * budget

    def _costs(self) -> tuple[float, float]:
        """Seconds of a job, and seconds for each unit of its budget, none of them negative: a line of least squares."""
        told = [(budget, each.total / each.count, each.count) for budget, each in self._durations.items()]
        total = sum(count for *_, count in told) or 1
        budget = math.fsum(budget * count for budget, _, count in told) / total
        seconds = math.fsum(seconds * count for _, seconds, count in told) / total
        varies = math.fsum(count * (each - budget) ** 2 for each, _, count in told)
        together = math.fsum(count * (each - budget) * (took - seconds) for each, took, count in told)
        most = seconds / budget if budget else 0.0
        slope = min(max(together / varies, 0.0), most) if varies else most
        return seconds - slope * budget, slope

    def handle(self, event: Event) -> None:
        """Take in one entry of the run's log."""
        if self.last_at is not None and self.running and not isinstance(event, RunResumed):
            seconds = max(0.0, event.at - self.last_at)
            self._there += seconds * max(len(self.workers), len(self.running))
            self._computed += seconds * len(self.running)
        self.last_at = event.at
        fold = _FOLDS.get(type(event))
        if fold is not None:
            fold(self, event)

    def _describe(self, event: RunDescribed) -> None:
        self.run_id = event.run_id

    def _cancel(self, event: RunCancelled) -> None:
        self.cancelled = event.reason

    def _resume(self, _: RunResumed) -> None:
        self.workers.clear()
        self._requeue(list(self.running))

    def _open(self, _: OpenIteration) -> None:
        self.n_begun += 1

    def _spend(self, _: EndRequest) -> None:
        self.is_spent = True

    def _join(self, event: WorkerJoined) -> None:
        self.workers[event.worker] = event.at

    def _lose(self, event: WorkerLost) -> None:
        self.left = event
        self.workers.pop(event.worker, None)
        self._requeue([key for key, start in self.running.items() if start.worker == event.worker])

    def _request(self, request: RunRequested) -> None:
        asked = self._calls.setdefault(request.call, _Asked(self.n_begun))
        self.requests.append(request)
        self.n_asked = math.inf if request.is_open_ended else asked.first + request.n_iterations
        self.cancelled, self.is_spent = None, False
        budget = math.inf if request.planned_budget is None else request.planned_budget
        asked.budget = budget if request.total_budget is None else min(budget, request.total_budget)
        is_cut = asked.budget < budget
        asked.runs = math.inf if request.planned_runs is None or is_cut else request.planned_runs

    def _queue(self, event: QueueJob) -> None:
        job = event.job
        self.queued[job.key] = self._jobs[job.key] = job

    def _start(self, start: StartJob) -> None:
        self.queued.pop(start.key, None)
        self.running[start.key] = start

    def _requeue(self, keys: list[JobKey]) -> None:
        for key in keys:
            del self.running[key]
            self.queued[key] = self._jobs[key]

    def _end(self, event: EndJob) -> None:
        report, key = event.report, event.key
        for jobs in (self.queued, self.running, self._jobs):
            jobs.pop(key, None)
        self._ended_on[key[0][0], key[1]] += 1
        self.ended[report.outcome.state] += 1
        if report.started is not None and report.outcome.state is not OutcomeState.CANCELLED:
            duration = self._durations[report.job.budget]
            duration.total += report.finished - report.started
            duration.count += 1
        self._budget_done += report.job.budget
        if report.outcome.result is not None and (self.incumbent is None or _rank(report) > _rank(self.incumbent)):
            self.incumbent = report


_FOLDS: dict[type, Callable[[Standing, Any], None]] = {
    RunDescribed: Standing._describe,
    RunRequested: Standing._request,
    RunCancelled: Standing._cancel,
    RunResumed: Standing._resume,
    OpenIteration: Standing._open,
    EndRequest: Standing._spend,
    WorkerJoined: Standing._join,
    WorkerLost: Standing._lose,
    QueueJob: Standing._queue,
    StartJob: Standing._start,
    EndJob: Standing._end,
}


def _rank(report: JobReport) -> tuple[float, float]:
    assert report.outcome.result is not None
    return report.job.budget, -report.outcome.result["loss"]
