"""What the contract of backends does around each test: call a backend as the loop does, wait, watch the order."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import ConfigSpace

from hpbandster_ng.backends.base import NO_CONTEXT, Backend, Context
from hpbandster_ng.engine.events import Event, JobFinished, StartJob, WorkerJoined, WorkerLost
from hpbandster_ng.engine.records import Job, Outcome
from hpbandster_ng.optimizers import RandomSearch

__all__ = [
    "LIMIT",
    "Caller",
    "called",
    "check_order",
    "meanwhile",
    "search",
    "send_to_main_thread",
    "wait_until",
    "wait_until_gone",
]

LIMIT = 60.0
"""Seconds that anything may take on a busy machine."""


class Caller:
    """Calls a backend as the loop does, and checks the order of what happens."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.lost: list[WorkerLost] = []
        self._numbers = itertools.count()

    def start(self) -> None:
        self.backend.start(time.monotonic)
        self._order = _Order()
        self._ends: dict[StartJob, Outcome] = {}

    def submit(
        self,
        config: dict[str, Any],
        attempt: int = 1,
        time_limit: float | None = None,
        previous_budget: float | None = None,
        context: Context = NO_CONTEXT,
    ) -> StartJob:
        """Hand a job to the worker that has been idle longest, as soon as there is one."""
        wait_until(lambda: self._order.idle, "a worker is idle", self.take_what_is_there)
        job = Job((0, 0, next(self._numbers)), 9.0, config, {})
        worker = next(iter(self._order.idle))
        start = StartJob(time.monotonic(), *job.key, attempt, worker, time_limit, previous_budget)
        self._order.note(start)
        self.backend.submit(start, job, context)
        return start

    def end_of(self, start: StartJob) -> Outcome:
        wait_until(lambda: start in self._ends, "the job has ended", self.take_what_is_there)
        return self._ends[start]

    def outcome_of(self, config: dict[str, Any], time_limit: float | None = None) -> Outcome:
        return self.end_of(self.submit(config, time_limit=time_limit))

    def take_what_is_there(self) -> None:
        happening = self.backend.next_event(0.05)
        while happening is not None:
            ended = self._order.note(happening)
            if isinstance(happening, JobFinished):
                assert ended is not None
                self._ends[ended] = happening.outcome
            if isinstance(happening, WorkerLost):
                self.lost.append(happening)
            self.backend.acknowledge(happening)
            happening = self.backend.next_event(0)


@contextlib.contextmanager
def called(backend: Backend) -> Iterator[Caller]:
    """Start it, and close it at the end."""
    caller = Caller(backend)
    caller.start()
    try:
        yield caller
    finally:
        backend.close(shutdown_workers=True)


class _Order:
    """In which order things may happen.

    Attributes:
        idle: the workers that wait for a job, those that have waited longest first.
    """

    def __init__(self) -> None:
        self.idle: dict[str, None] = {}
        self._busy: dict[str, StartJob] = {}
        self._at = 0.0

    def note(self, event: Event) -> StartJob | None:
        """Check that it may happen now; the job's start, if it ends a job."""
        if isinstance(event, StartJob):
            del self.idle[event.worker]
            self._busy[event.worker] = event
        if not isinstance(event, WorkerJoined | WorkerLost | JobFinished):
            return None
        assert event.at >= self._at, f"{event} is stamped earlier than what came before it"
        self._at = event.at
        match event:
            case WorkerJoined(worker=worker):
                assert worker not in self.idle, f"{event}, but it is there already"
                assert worker not in self._busy, f"{event}, but it is there already"
                self.idle[worker] = None
            case WorkerLost(worker=worker):
                assert worker in self.idle or worker in self._busy, f"{event}, but it was not there"
                self.idle.pop(worker, None)
                self._busy.pop(worker, None)
            case JobFinished(worker=worker):
                start = self._busy.pop(worker, None)
                assert start is not None, f"{event}, but its worker had no job"
                assert (start.key, start.attempt) == (event.key, event.attempt), f"{event}, but it had {start}"
                self.idle[worker] = None
                return start
        return None


def check_order(events: list[Event]) -> None:
    order = _Order()
    for event in events:
        order.note(event)


def search(
    backend: Backend, events: list[Event], *acts: str, kind: Any = RandomSearch, max_budget: float = 1, **settings: Any
) -> Any:
    """An optimizer over configurations that do one of the acts, and each once at first.

    An iteration of random search is one job.
    """
    choices = list(acts or ["succeed"])
    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0), "act": choices}, seed=0)
    return kind(
        space,
        min_budget=1,
        max_budget=max_budget,
        run_id="contract",
        seed=0,
        backend=backend,
        observers=[events.append],
        worker_timeout=LIMIT,
        initial_configs=[{"x": 0.5, "act": act} for act in choices],
        **settings,
    )


@contextlib.contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Another thread acts; what goes wrong there is raised at the end of the block."""
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    thread = threading.Thread(target=guarded, name="hpbandster-contract", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        if errors:
            raise errors[0]


def send_to_main_thread(number: int) -> None:
    ident = threading.main_thread().ident
    assert ident is not None
    signal.pthread_kill(ident, number)


def wait_until(condition: Callable[[], Any], what: str, meanwhile: Callable[[], None] | None = None) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, f"not within {LIMIT:g} seconds: {what}"
        if meanwhile is None:
            time.sleep(0.01)
        else:
            meanwhile()


def wait_until_gone(pids: Iterable[int]) -> None:
    for pid in pids:
        wait_until(partial(_is_gone, pid), f"process {pid} is gone")


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat").read_text()
    except ProcessLookupError:
        return True
    except FileNotFoundError:  # it has gone just now, or this is no Linux
        return Path("/proc/self/stat").exists()
    return status.rpartition(")")[2].split()[0] == "Z"  # dead, and not asked for by its parent yet
