"""The only loop and the only clock: what happens goes to the planner, what it decides is recorded and carried out."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import ExitStack

from threadpoolctl import ThreadpoolController

from hpbandster_ng.backends.base import Backend, Clock
from hpbandster_ng.engine.events import Event, Happening, RunCancelled, RunRequested, StartJob, Tick, WorkerLost
from hpbandster_ng.engine.planner import Planner
from hpbandster_ng.errors import IllegalTransitionError, NoWorkersError
from hpbandster_ng.runtime.observers import Observer, Observers
from hpbandster_ng.storage.base import Storage

__all__ = ["Loop", "wall_clock"]

_LONGEST_WAIT = 1.0
"""Seconds after which the loop looks at its limits even if nothing happens."""


def wall_clock() -> Clock:
    """A clock of unix seconds that goes on steadily when the system's time is set."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


class Loop:
    """Drives one run.

    Args:
        planner: decides.
        backend: does.
        storage: remembers; it has an event before anything is done about it. None keeps nothing.
        observers: look on.
        worker_timeout: seconds without enough workers after which :class:`NoWorkersError` is raised.
        clock: unix seconds.
    """

    def __init__(
        self,
        planner: Planner,
        backend: Backend,
        storage: Storage | None,
        observers: Sequence[Observer],
        worker_timeout: float,
        clock: Clock,
    ) -> None:
        self.planner = planner
        self.backend = backend
        self.storage = storage
        self.worker_timeout = worker_timeout
        self.clock = clock
        self._observers = Observers(observers)
        self._is_started = False
        self._is_broken = False

    def start(self) -> None:
        """Open the backend; does nothing while it is open.

        Workers that the planner knows from before are gone: who is still alive joins anew.

        Raises:
            CommunicationError: the backend cannot be opened.
            IllegalTransitionError: an error or an interrupt broke this run off in the middle of a decision.
        """
        if self._is_broken:
            raise IllegalTransitionError(
                "this run was broken off in the middle of a decision, by the error raised then, and would wait "
                "for ever; make a new optimizer, which learns from this one by previous_result=optimizer.result()"
            )
        if not self._is_started:
            self.backend.start(self.clock)
            self._is_started = True
            self._libraries = ThreadpoolController()
            now = self.clock()
            lost = [WorkerLost(now, worker, "the master was started anew") for worker in self.planner.pool.workers]
            self._record(lost)
            self.planner.replay(lost)

    def wait_for_workers(self, count: int, until: float = math.inf) -> None:
        """Return when at least ``count`` workers are there, or at the time ``until`` (unix seconds).

        Raises:
            NoWorkersError: they are not, after ``worker_timeout`` seconds.
        """
        self.start()
        deadline = self.clock() + self.worker_timeout
        while len(self.planner.pool.workers) < count and self.clock() < until:
            self._check(count, deadline)
            self._step(min(deadline, until))

    def run(self, n_iterations: int | None, max_time: float | None = None, total_budget: float | None = None) -> None:
        """Run iterations to their end, or until the time is up or the budget spent.

        Args:
            n_iterations: so many more iterations; None for as many as the limits allow.
            max_time: seconds from now after which nothing new is started and this returns.
            total_budget: the most that the jobs queued from now on may cost; this returns when what runs has ended.

        Raises:
            NoWorkersError: nobody was there for ``worker_timeout`` seconds.
        """
        self.start()
        deadline = None if max_time is None else self.clock() + max_time
        self._handle(RunRequested(self.clock(), n_iterations or 0, deadline, total_budget, n_iterations is None))
        last_seen = self.clock()
        while not self.planner.is_finished and not (deadline is not None and self.clock() >= deadline):
            if self.planner.pool.workers:
                last_seen = self.clock()
            self._check(1, last_seen + self.worker_timeout)
            self._step(deadline)

    def close(self, shutdown_workers: bool, reason: str = "the run was shut down") -> None:
        """Cancel what has not ended, close the backend and the observers, each even if another fails to."""
        was_started, self._is_started = self._is_started, False
        with ExitStack() as stack:
            stack.callback(self._observers.close)
            if was_started:
                stack.callback(self.backend.close, shutdown_workers)
                if not self._is_broken:
                    self._handle(RunCancelled(self.clock(), reason))

    def _check(self, count: int, deadline: float) -> None:
        present = len(self.planner.pool.workers)
        if present < count and self.clock() >= deadline:
            raise NoWorkersError(
                f"{present} of {count} workers were there for worker_timeout={self.worker_timeout:g} seconds; start "
                "workers with the run_id and nameserver of this run, or raise worker_timeout"
            )

    def _step(self, deadline: float | None) -> None:
        now = self.clock()
        wait = _LONGEST_WAIT if deadline is None else min(_LONGEST_WAIT, deadline - now)
        happening = self.backend.next_event(max(0.0, wait))
        self._handle(happening if happening is not None else Tick(self.clock()))

    def _handle(self, happening: Happening) -> None:
        self._is_broken = True  # until all of it is done: else planner, log and workers disagree about what runs
        if not isinstance(happening, Tick):
            self._record([happening])
        # A numeric library's threads wait for each other in a busy loop: beside workers on the same machine, a model's
        # decision would take a hundred times as long.
        with self._libraries.limit(limits=1):
            decisions = self.planner.handle(happening, lag=self.clock() - happening.at)
        self._record(decisions)
        for decision in decisions:
            if isinstance(decision, StartJob):
                self.backend.submit(decision, self.planner.pool.tasks[decision.key].job)
        self._is_broken = False

    def _record(self, events: Sequence[Event]) -> None:
        if not events:
            return
        if self.storage is not None:
            self.storage.append(events)
        for event in events:
            self._observers.notify(event)
