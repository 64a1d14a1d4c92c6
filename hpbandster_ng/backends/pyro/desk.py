"""What a master offers to its workers: a desk where they report and take the next job.

Workers call, the master never does: a worker needs no open port, one call carries a result in and the next job out, and
the connection itself tells when a worker is gone.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import Pyro4

from hpbandster_ng.backends.pyro.wire import Attempt, decode_report
from hpbandster_ng.engine.events import Happening, JobFinished, WorkerJoined, WorkerLost

__all__ = ["SHUTDOWN", "Desk"]

SHUTDOWN = "shutdown"
"""Sent in place of a job: go home."""

POLL = 5.0
"""Seconds for which an idle worker's call waits for a job."""

_CALLS_PER_SECOND = 200
"""So many heartbeats a second the desk is willing to answer."""


_Method = TypeVar("_Method", bound=Callable[..., Any])


def _exposed(method: _Method) -> _Method:
    """Pyro4's decorator, with a type."""
    exposed: _Method = Pyro4.expose(method)
    return exposed


@dataclass(slots=True)
class _Member:
    token: str
    connection: Any
    last_seen: float
    inbox: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    reported: Attempt | None = None
    knows_shutdown: bool = False


class Desk:
    """The remote object of the dispatcher; its exposed methods run in the threads of Pyro4.

    Args:
        run_id: told to workers, so that one of another run notices.
        emit: takes each happening.
        clock: stamps happenings.
        silence_limit: seconds without any call after which a worker is lost.
    """

    def __init__(
        self, run_id: str, emit: Callable[[Happening], None], clock: Callable[[], float], silence_limit: float
    ) -> None:
        self._run_id = run_id
        self._emit = emit
        self._clock = clock
        self._silence_limit = silence_limit
        self._members: dict[str, _Member] = {}
        self._lock = threading.Lock()
        self._is_closing = False

    @_exposed
    def ping(self) -> str:
        """Which run this is; shows that the master lives."""
        return self._run_id

    @_exposed
    def join(self, worker: str, token: str) -> str:
        """Become a member.

        Returns:
            An error message, or the empty text.
        """
        connection = Pyro4.current_context.client
        with self._lock:
            if self._is_closing:
                return SHUTDOWN
            member = self._members.get(worker)
            if member is not None and member.token != token:
                return (
                    f"worker {worker!r} cannot join run {self._run_id!r}: another worker of that name is at work; give "
                    "each worker of one process its own id"
                )
            if member is not None:
                self._drop(worker, "it joined anew")
            self._members[worker] = _Member(token, connection, time.monotonic())
            self._emit(WorkerJoined(self._clock(), worker))
        connection.sock.settimeout(None)
        return ""

    @_exposed
    def exchange(self, worker: str, token: str, report: str | None, wait: float | None) -> str | None:
        """Hand in a result, take the next job.

        Args:
            report: an encoded report, or None.
            wait: seconds to wait for a job; None to take none.

        Returns:
            An encoded job; ``SHUTDOWN``; the empty text if there was none in time; None if the worker is no member.
        """
        member = self._seen(worker, token)
        if member is None:
            return None
        if report is not None:
            self._take_report(worker, member, report)
        if wait is None:
            return ""
        try:
            item = member.inbox.get(timeout=min(wait, POLL))
        except queue.Empty:
            return ""
        finally:
            member.last_seen = time.monotonic()
        member.knows_shutdown = item == SHUTDOWN
        return item

    @_exposed
    def heartbeat(self, worker: str, token: str) -> tuple[float, bool]:
        """Show that a worker which computes is alive.

        Returns:
            Seconds until the next heartbeat, and whether to go home after this job.
        """
        member = self._seen(worker, token)
        if member is not None and self._is_closing:
            member.knows_shutdown = True
        return max(1.0, len(self._members) / _CALLS_PER_SECOND), self._is_closing

    @_exposed
    def leave(self, worker: str, token: str, reason: str) -> None:
        """Be a member no longer; a job in hand goes back to the queue."""
        with self._lock:
            member = self._members.get(worker)
            if member is not None and member.token == token:
                self._drop(worker, reason)

    def deliver(self, worker: str, job: str) -> None:
        """Put an encoded job into a worker's hands; a worker that is gone has been reported as lost."""
        with self._lock:
            member = self._members.get(worker)
        if member is not None:
            member.inbox.put(job)

    def disconnected(self, connection: Any) -> None:
        """A connection has ended; if it was a member's, that member is lost."""
        with self._lock:
            gone = [name for name, member in self._members.items() if member.connection is connection]
            for worker in gone:
                self._drop(worker, "its connection closed")

    def drop_silent(self) -> None:
        """Lose every member that has said nothing for too long."""
        limit = time.monotonic() - self._silence_limit
        with self._lock:
            for worker in [name for name, member in self._members.items() if member.last_seen < limit]:
                self._drop(worker, f"it was silent for {self._silence_limit:g} seconds")

    def send_home(self) -> None:
        """Tell every member to go home: the idle at once, the busy with their next heartbeat."""
        with self._lock:
            self._is_closing = True
            for member in self._members.values():
                member.inbox.put(SHUTDOWN)

    @property
    def all_told(self) -> bool:
        """Whether every member knows that it should go home."""
        with self._lock:
            return all(member.knows_shutdown for member in self._members.values())

    def _seen(self, worker: str, token: str) -> _Member | None:
        with self._lock:
            member = self._members.get(worker)
            if member is None or member.token != token:
                return None
            member.last_seen = time.monotonic()
            return member

    def _take_report(self, worker: str, member: _Member, report: str) -> None:
        attempt, outcome = decode_report(report)
        if member.reported == attempt:
            return
        member.reported = attempt
        self._emit(JobFinished(self._clock(), attempt.config_id, attempt.budget, attempt.number, worker, outcome))

    def _drop(self, worker: str, reason: str) -> None:
        del self._members[worker]
        self._emit(WorkerLost(self._clock(), worker, reason))
