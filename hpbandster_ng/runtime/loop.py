"""The only loop and the only clock: what happens goes to the planner, what it decides is recorded and carried out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

from threadpoolctl import ThreadpoolController

from hpbandster_ng.backends.base import Backend, Clock
from hpbandster_ng.engine.events import Event, Happening, RunCancelled, RunRequested, RunResumed, StartJob, Tick, TimeUp
from hpbandster_ng.engine.planner import Planner
from hpbandster_ng.engine.pool import JobState
from hpbandster_ng.engine.schedule import Planned, amounts
from hpbandster_ng.errors import IllegalTransitionError, LogError, NoWorkersError, StorageBusyError
from hpbandster_ng.runtime.garbage import Garbage
from hpbandster_ng.runtime.interrupts import uninterrupted
from hpbandster_ng.runtime.observers import Observer, Observers
from hpbandster_ng.storage.base import Storage

__all__ = ["Loop", "wall_clock"]

_LONGEST_WAIT = 1.0
"""Seconds after which the loop looks at its limits even if nothing happens."""

_LONGEST_GROUP = 0.02
"""Seconds for which what happens is gathered to be recorded at once: a disk takes its time for each record, and who
waits for the first should not wait long for the others."""


def wall_clock() -> Clock:
    """A clock of unix seconds that goes on steadily when the system's time is set."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


class Loop:
    """Drives one run.

    Args:
        planner: decides.
        backend: does.
        storage: remembers; it has an event before anything is done about it, and nothing is cancelled when the loop
            is closed, for the run may go on. None keeps nothing.
        observers: look on.
        worker_timeout: seconds without enough workers after which :class:`NoWorkersError` is raised.
        clock: unix seconds.
        planned: tells how much iterations are going to run, for the log.
    """

    def __init__(
        self,
        planner: Planner,
        backend: Backend,
        storage: Storage | None,
        observers: Sequence[Observer],
        worker_timeout: float,
        clock: Clock,
        planned: Planned | None = None,
    ) -> None:
        self.planner = planner
        self.backend = backend
        self.storage = storage
        self.worker_timeout = worker_timeout
        self.clock = clock
        self.planned = planned
        self._observers = Observers(observers)
        self._garbage = Garbage()
        self._is_stopped = False
        self._is_cut_short = False
        self._num_calls = 0
        self._num_marks = 0
        self._has_past = False
        self._was_closed = False
        self._is_log_whole = True
        self._is_started = False
        self._is_broken = False

    def replay(self, log: Sequence[Event], watch: Callable[[Event], Any]) -> None:
        """Fold what earlier masters of this run recorded.

        Args:
            log: all of it.
            watch: called with each event before it is folded.

        Raises:
            LogError: an event cannot have happened after those before it; or what a user wrote raises.
        """
        self._has_past = True
        self._num_marks = _num_marks(log)
        for number, event in enumerate(log, start=1):
            try:
                watch(event)
                self.planner.replay([event])
            except Exception as error:
                raise LogError(
                    f"event {number} of {self.storage!r}, a {type(event).__name__}, cannot be folded "
                    f"({type(error).__name__}: {error}); the log is damaged, or is not of this optimizer"
                ) from error
        self._observers.replay(log)

    def record(self, event: Event) -> None:
        """Write down what no decision follows from.

        Raises:
            StorageError: the storage is not open, or cannot be written.
        """
        self._record([event])
        self.planner.replay([event])

    def start(self) -> None:
        """Open the backend; does nothing while it is open.

        Workers that the planner knows from before are gone: who is still alive joins anew.

        Raises:
            CommunicationError: the backend cannot be opened.
            IllegalTransitionError: an error or an interrupt broke this run off in the middle of a decision.
        """
        if self._is_broken:
            way_out = (
                "make a new optimizer, which learns from this one by previous_result=optimizer.result()"
                if self.storage is None
                else "make a new optimizer with this storage, which goes on where this one was"
            )
            raise IllegalTransitionError(
                "this run was broken off in the middle of a decision, by the error raised then, and would wait "
                f"for ever; {way_out}"
            )
        if not self._is_started:
            self._open_storage()
            self.backend.start(self.clock)
            self._is_started = True
            self._libraries = ThreadpoolController() if getattr(self.planner.generator, "has_model", True) else None
            if self._has_past or self.planner.pool.workers:
                self.record(RunResumed(self.clock()))
            self._has_past = True

    def _open_storage(self) -> None:
        """Become the writer again, if this loop was closed meanwhile."""
        if self.storage is None:
            return
        self.storage.open()
        if self._was_closed and _num_marks(self.storage.read()) != self._num_marks:
            self.storage.close()
            raise StorageBusyError(
                f"another master has gone on with the run in {self.storage!r} meanwhile; make a new optimizer, which "
                "goes on from there"
            )
        self._was_closed = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """At the end of the block the user's script goes on, and observers rest."""
        self._garbage.begin(self.clock())
        try:
            yield
        finally:
            self._garbage.end()
            self._observers.rest()

    def wait_for_workers(self, count: int, until: float = math.inf) -> None:
        """Return when at least ``count`` workers are there, or at the time ``until`` (unix seconds).

        Raises:
            NoWorkersError: they are not, after ``worker_timeout`` seconds.
        """
        self._is_cut_short = True
        if self._is_stopped:
            return
        self.start()
        deadline = self.clock() + self.worker_timeout
        while len(self.planner.pool.workers) < count and self.clock() < until and not self._is_stopped:
            self._check(count, deadline)
            self._step(min(deadline, until))
        self._is_cut_short = self._is_stopped

    @property
    def is_finished(self) -> bool:
        """Whether all that was asked for is done, what was to begin when enough workers are there included."""
        return self.planner.is_finished and not self._is_cut_short

    def stop(self, _: int) -> bool:
        """End this call of :meth:`run` and every later one as if its time were up; a signal handler may call it.

        Returns:
            Whether the call ends by itself, within about a second.
        """
        self._is_stopped = True
        return not getattr(self.backend, "is_searching", False)

    def has_done(self, n_iterations: int | None, total_budget: float | None) -> bool:
        """Whether an earlier master of this run has done all that the next call of :meth:`run` would ask for."""
        return self.planner.is_done(self._num_calls + 1, n_iterations, total_budget)

    def run(
        self,
        n_iterations: int | None,
        max_time: float | None = None,
        total_budget: float | None = None,
        iteration_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Run iterations to their end, or until the time is up or the budget spent.

        The k-th call goes on where an earlier master of this run was in its k-th.

        Args:
            n_iterations: so many more iterations; None for as many as the limits allow.
            max_time: seconds from now after which nothing new is started and this returns.
            total_budget: the most that the jobs queued from now on may cost; this returns when what runs has ended.
            iteration_kwargs: for the log.

        Raises:
            NoWorkersError: nobody was there for ``worker_timeout`` seconds.
        """
        is_done = self.has_done(n_iterations, total_budget)
        self._num_calls += 1
        self._is_cut_short = self._is_stopped and not is_done
        if is_done or self._is_stopped:
            return
        self.start()
        deadline = None if max_time is None else self.clock() + max_time
        limits = (n_iterations or 0, deadline, total_budget, n_iterations is None)
        kwargs = dict(iteration_kwargs or {})
        planned = self._planned(n_iterations)
        self._handle([RunRequested(self.clock(), *limits, self._num_calls, kwargs, *planned)])
        last_seen = self.clock()
        while not self._is_over(deadline):
            if self.planner.pool.workers:
                last_seen = self.clock()
            self._check(1, last_seen + self.worker_timeout)
            self._step(deadline)

    def _planned(self, n_iterations: int | None) -> tuple[int | None, float | None]:
        """How many jobs this call runs, and the sum of their budgets."""
        if n_iterations is None or self.planned is None:
            return None, None
        return amounts(self.planned(self.planner.first_of(self._num_calls), n_iterations))

    def _is_over(self, deadline: float | None) -> bool:
        is_late = deadline is not None and self.clock() >= deadline
        return self.planner.is_finished or self._is_stopped or is_late

    def close(self, shutdown_workers: bool, reason: str = "the run was shut down") -> None:
        """Close the backend, the observers and the storage, each even if another fails to.

        Without a storage, what has not ended is cancelled before.
        """
        was_started, self._is_started = self._is_started, False
        self._was_closed = True
        with ExitStack() as stack:
            if self.storage is not None:
                stack.callback(self.storage.close)
            stack.callback(self._observers.close)
            if was_started:
                if self.storage is not None and self._is_log_whole:
                    stack.callback(self._take_rest)
                stack.callback(self.backend.close, shutdown_workers)
                if self.storage is None and not self._is_broken:
                    self._handle([RunCancelled(self.clock(), reason)])

    def _take_rest(self) -> None:
        """Write down what was reported and not looked at yet; what follows from it, the next master decides."""
        while happening := self.backend.next_event(0):
            if isinstance(happening, Tick):
                continue
            self._record([happening])
            if not self._is_broken:
                self.planner.replay([happening])

    def _check(self, count: int, deadline: float) -> None:
        present = len(self.planner.pool.workers)
        if present < count and self.clock() >= deadline:
            raise NoWorkersError(
                f"{present} of {count} workers were there for worker_timeout={self.worker_timeout:g} seconds; start "
                "workers with the run_id and nameserver of this run, or raise worker_timeout"
            )

    def _step(self, deadline: float | None) -> None:
        now = self.clock()
        self._garbage.search(now)
        wait = _LONGEST_WAIT if deadline is None else min(_LONGEST_WAIT, deadline - now)
        happening = self.backend.next_event(max(0.0, wait))
        with uninterrupted():
            self._handle([Tick(self.clock())] if happening is None else self._gathered(happening))

    def _gathered(self, first: Happening) -> Iterator[Happening]:
        """What has happened, and what happens while that is dealt with, for a moment if there is a storage."""
        until = self.clock() + (0 if self.storage is None else _LONGEST_GROUP)
        happening: Happening | None = first
        while happening is not None:
            yield happening
            happening = self.backend.next_event(0) if self.clock() < until else None

    def _handle(self, happenings: Iterable[Happening]) -> None:
        self._is_broken = True  # until all of it is done: else planner, log and workers disagree about what runs
        events: list[Event] = []
        try:
            # A numeric library's threads wait for each other in a busy loop: beside workers on the same machine, a
            # model's decision would take a hundred times as long.
            with self._libraries.limit(limits=1) if self._libraries else nullcontext():
                for happening in happenings:
                    if isinstance(happening, TimeUp):
                        self._is_stopped = True
                    if not isinstance(happening, Tick):
                        events.append(happening)
                    events += self.planner.handle(happening, lag=self.clock() - happening.at)
        finally:
            self._record(events)
        for event in events:
            if isinstance(event, Happening):
                self.backend.acknowledge(event)
            elif isinstance(event, StartJob):
                self._submit(event)
        self._is_broken = False

    def _submit(self, start: StartJob) -> None:
        """Hand a job to its worker, unless that was lost in the same moment."""
        task = self.planner.pool.tasks.get(start.key)
        if task is not None and (task.attempt, task.state) == (start.attempt, JobState.RUNNING):
            self.backend.submit(start, task.job, self._observers.context(task.job))

    def _record(self, events: Sequence[Event]) -> None:
        if not events:
            return
        if self.storage is not None:
            self._is_log_whole = False
            self.storage.append(events)
            self._is_log_whole = True
        self._num_marks += _num_marks(events)
        for event in events:
            self._observers.notify(event)


def _num_marks(log: Iterable[Event]) -> int:
    """Every master leaves one at least, before it does anything."""
    return sum(isinstance(event, RunRequested | RunResumed) for event in log)
