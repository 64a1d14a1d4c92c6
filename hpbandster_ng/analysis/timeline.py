"""Who computed what, and when: the workers of a run over time, with gaps, losses and further attempts.

A result tells of each run the last worker that had it. The log of a run tells more: attempts that ended with the loss
of their worker, what goes on, and when workers came and left.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace

from hpbandster_ng.analysis.runs import AnyRun
from hpbandster_ng.engine.events import EndJob, Event, RunResumed, StartJob, WorkerJoined, WorkerLost
from hpbandster_ng.engine.records import ConfigId, JobKey, OutcomeState

__all__ = ["Presence", "Span", "Timeline", "timeline_of_events", "timeline_of_runs"]


@dataclass(frozen=True)
class Span:
    """A worker computed something.

    Attributes:
        worker: its name.
        config_id, budget: what it computed; of several spans that were put together, the first.
        started, finished: seconds; ``finished`` is the time of the last event if it goes on.
        outcome: how it ended; LOST if the worker was, though another one may have done the job later; None if it goes
            on.
        count: of how many spans it was put together.
    """

    worker: str
    config_id: ConfigId
    budget: float
    started: float
    finished: float
    outcome: OutcomeState | None
    count: int = 1


@dataclass(frozen=True)
class Presence:
    """A worker was there.

    Attributes:
        worker: its name.
        joined, left: seconds; ``left`` is the time of the last event if it is still there.
        reason: why it left; None if it is still there.
    """

    worker: str
    joined: float
    left: float
    reason: str | None


@dataclass(frozen=True)
class Timeline:
    """The workers of a run over time.

    Attributes:
        spans: by their start.
        presences: by the time of joining; empty where nobody told.
    """

    spans: tuple[Span, ...]
    presences: tuple[Presence, ...]

    @property
    def workers(self) -> tuple[str, ...]:
        """Their names, in the order in which they came."""
        came = [(each.joined, each.worker) for each in self.presences]
        came += [(each.started, each.worker) for each in self.spans]
        return tuple(dict.fromkeys(worker for _, worker in sorted(came, key=lambda each: each[0])))

    @property
    def busy(self) -> dict[str, float]:
        """Which share of the time from its first to its last moment each worker computed, 0 to 1."""
        moments: dict[str, list[float]] = {}
        seconds: dict[str, float] = {}
        for each in self.presences:
            moments.setdefault(each.worker, []).extend((each.joined, each.left))
        for span in self.spans:
            moments.setdefault(span.worker, []).extend((span.started, span.finished))
            seconds[span.worker] = seconds.get(span.worker, 0.0) + span.finished - span.started
        length = {worker: max(each) - min(each) for worker, each in moments.items()}
        return {
            worker: min(1.0, seconds.get(worker, 0.0) / length[worker]) if length[worker] else 1.0
            for worker in self.workers
        }

    def coarse(self, resolution: float) -> Timeline:
        """Put neighbouring spans of a worker together that nobody could tell apart.

        Spans on the same budget that ended in the same way become one if less than ``resolution`` seconds lie between
        them and one of them is shorter than that.
        """
        kept: dict[str, list[Span]] = {}
        for span in self.spans:
            spans = kept.setdefault(span.worker, [])
            if spans and _are_alike(spans[-1], span, resolution):
                spans[-1] = replace(spans[-1], finished=span.finished, count=spans[-1].count + span.count)
            else:
                spans.append(span)
        every = sorted(itertools.chain.from_iterable(kept.values()), key=lambda span: span.started)
        return Timeline(tuple(every), self.presences)


def _are_alike(first: Span, second: Span, resolution: float) -> bool:
    shorter = min(first.finished - first.started, second.finished - second.started)
    is_same = (first.budget, first.outcome) == (second.budget, second.outcome)
    return is_same and shorter < resolution and second.started - first.finished < resolution


def timeline_of_runs(runs: Iterable[AnyRun]) -> Timeline:
    """What a result tells: of each run the worker that finished it, or lost it for good.

    Runs whose worker is not known do not count, as those of the predecessor's logs and those that never started.
    """
    spans = [
        Span(
            run.worker,
            run.config_id,
            run.budget,
            run.time_stamps["started"],
            run.time_stamps["finished"],
            run.outcome,
        )
        for run in runs
        if run.worker is not None and "started" in run.time_stamps
    ]
    return Timeline(tuple(sorted(spans, key=lambda span: span.started)), ())


def timeline_of_events(events: Iterable[Event], time_ref: float = 0.0) -> Timeline:
    """What the log of a run tells.

    Args:
        events: of the run, from the first on.
        time_ref: which moment is 0, in unix seconds.

    Example:
        >>> events = [WorkerJoined(10.0, "a"), StartJob(11.0, (0, 0, 0), 9.0, 1, "a"), WorkerLost(15.0, "a", "died")]
        >>> timeline = timeline_of_events(events, time_ref=10.0)
        >>> timeline.spans
        (Span(worker='a', config_id=(0, 0, 0), budget=9.0, started=1.0, finished=5.0, \
outcome=<OutcomeState.LOST: 'lost'>, count=1),)
        >>> timeline.presences, timeline.busy
        ((Presence(worker='a', joined=0.0, left=5.0, reason='died'),), {'a': 0.8})
    """
    scan = _Scan(time_ref)
    for event in events:
        scan.see(event)
    return scan.timeline()


class _Scan:
    """The log so far: what has ended, and what goes on."""

    def __init__(self, time_ref: float) -> None:
        self._time_ref = time_ref
        self._now = 0.0
        self._spans: list[Span] = []
        self._presences: list[Presence] = []
        self._running: dict[str, tuple[JobKey, float]] = {}
        self._here: dict[str, float] = {}
        self._lost: set[tuple[str, JobKey]] = set()

    def see(self, event: Event) -> None:
        self._now = event.at - self._time_ref
        match event:
            case WorkerJoined():
                self._here[event.worker] = self._now
            case WorkerLost():
                self._lose(event.worker, event.reason)
            case RunResumed():
                for worker in {*self._here, *self._running}:
                    self._lose(worker, "the master ended")
            case StartJob():
                self._running[event.worker] = event.key, self._now
            case EndJob():
                self._end(event)

    def timeline(self) -> Timeline:
        going_on = [Span(worker, *key, started, self._now, None) for worker, (key, started) in self._running.items()]
        still_here = [Presence(worker, joined, self._now, None) for worker, joined in self._here.items()]
        return Timeline(
            tuple(sorted([*self._spans, *going_on], key=lambda span: span.started)),
            tuple(sorted([*self._presences, *still_here], key=lambda presence: presence.joined)),
        )

    def _lose(self, worker: str, reason: str) -> None:
        if worker in self._running:
            key, started = self._running.pop(worker)
            self._spans.append(Span(worker, *key, started, self._now, OutcomeState.LOST))
            self._lost.add((worker, key))
        if worker in self._here:
            self._presences.append(Presence(worker, self._here.pop(worker), self._now, reason))

    def _end(self, event: EndJob) -> None:
        """The report tells all, so that a log without the start of a job that has ended, which is shorter, will do."""
        report = event.report
        if report.worker_name is None or report.started is None:
            return
        running = self._running.get(report.worker_name)
        if running is not None and running[0] == event.key:
            del self._running[report.worker_name]
        elif (report.worker_name, event.key) in self._lost:
            return
        self._spans.append(
            Span(
                report.worker_name,
                *event.key,
                report.started - self._time_ref,
                report.finished - self._time_ref,
                report.outcome.state,
            )
        )
