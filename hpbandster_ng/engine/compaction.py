"""A log without what nobody needs to go on with the run.

A planner that folds the shorter log decides the same from there on. What brackets and generators learn from is kept,
and every event of a job that has not ended, so that its attempts keep their count. Of a job that has ended,
``StartJob`` and ``JobFinished`` go: its ``EndJob`` tells all that counts. There are two exceptions.

- Who has been idle longest gets the next job. So the last job of a worker that is still there stays whole.
- Whether a pool asks for jobs may depend on how jobs and workers came and went since a worker was there and no job was
  open, for then it asks. So a worker that is gone is dropped only if it was gone by the last such moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hpbandster_ng.engine.events import (
    EndJob,
    Event,
    JobFinished,
    QueueJob,
    RunResumed,
    StartJob,
    WorkerJoined,
    WorkerLost,
)
from hpbandster_ng.engine.records import JobKey

__all__ = ["compacted"]


def compacted(events: Sequence[Event]) -> list[Event]:
    """The events that a fold of the log needs, in their order.

    Example:
        >>> joined = [WorkerJoined(0.0, "a"), WorkerJoined(1.0, "b")]
        >>> compacted([*joined, WorkerLost(2.0, "a", "gone"), WorkerLost(3.0, "b", "gone"), WorkerJoined(4.0, "a")])
        [WorkerJoined(at=4.0, worker='a')]
    """
    scan = _Scan()
    for place, event in enumerate(events):
        scan.see(place, event)
    needed = scan.needed()
    return [event for place, event in enumerate(events) if not isinstance(event, _DROPPED) or place in needed]


_DROPPED = (JobFinished, StartJob, WorkerJoined, WorkerLost)
"""Unless something depends on the one."""


@dataclass(slots=True)
class _Stay:
    """A worker from its coming to its going, by places in the log.

    Attributes:
        lost: None while it is here.
        started: its last start of a job, or None.
        finished: the report that made it idle since, or None.
        attempt: what it runs, or None.
    """

    joined: int
    lost: int | None = None
    started: int | None = None
    finished: int | None = None
    attempt: tuple[JobKey, int] | None = None


class _Scan:
    """What the log has told so far, by places in it."""

    def __init__(self) -> None:
        self._stays: list[_Stay] = []
        self._here: dict[str, _Stay] = {}
        self._open_jobs: dict[JobKey, list[int]] = {}
        self._calm = -1

    def see(self, place: int, event: Event) -> None:
        match event:
            case QueueJob():
                self._open_jobs[event.job.key] = []
            case EndJob():
                self._open_jobs.pop(event.key, None)
            case StartJob():
                self._start(place, event)
            case JobFinished():
                self._finish(place, event)
            case WorkerJoined():
                self._here[event.worker] = _Stay(place)
                self._stays.append(self._here[event.worker])
            case WorkerLost():
                self._lose([event.worker], place)
            case RunResumed():
                self._lose(list(self._here), place)
        if self._here and not self._open_jobs:
            self._calm = place

    def _lose(self, workers: Iterable[str], place: int) -> None:
        for worker in workers:
            if worker in self._here:
                self._here.pop(worker).lost = place

    def needed(self) -> set[int]:
        """The places of all events that may be dropped and must not be."""
        needed = {place for places in self._open_jobs.values() for place in places}
        for stay in self._stays:
            if stay.lost is None:
                needed.update(each for each in (stay.joined, stay.started, stay.finished) if each is not None)
            elif stay.lost > self._calm:
                needed.update((stay.joined, stay.lost))
        return needed

    def _start(self, place: int, event: StartJob) -> None:
        if event.key in self._open_jobs:
            self._open_jobs[event.key].append(place)
        if stay := self._here.get(event.worker):
            stay.started, stay.finished, stay.attempt = place, None, (event.key, event.attempt)

    def _finish(self, place: int, event: JobFinished) -> None:
        if event.key in self._open_jobs:
            self._open_jobs[event.key].append(place)
        stay = self._here.get(event.worker)
        if stay and stay.attempt == (event.key, event.attempt):
            stay.finished, stay.attempt = place, None
