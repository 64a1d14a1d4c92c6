"""What a master offers to its workers: a desk where they report and take the next job.

Workers call, the master never does: a worker needs no open port, one call carries a result in and the next job out, and
the connection itself tells when a worker is gone. Every call may be repeated: a job whose reply was lost on the way is
handed out again, a report that comes twice counts once, and whoever joins again with the same token goes on where the
connection broke.
"""

from __future__ import annotations

import queue
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import Pyro4

from hpbandster_ng.backends.pyro.wire import Attempt, decode_report
from hpbandster_ng.engine.events import Happening, JobFinished, WorkerJoined, WorkerLost
from hpbandster_ng.engine.records import Outcome, OutcomeState
from hpbandster_ng.errors import CommunicationError

__all__ = ["AGAIN", "SHUTDOWN", "Desk"]

SHUTDOWN = "shutdown"
"""Sent in place of a job: go home."""

AGAIN = "again"
"""Sent while a report is not in the log yet: keep it, and send it again."""

_POLL = 5.0
"""Seconds for which an idle worker's call waits for a job."""

_CALLS_PER_SECOND = 200
"""So many heartbeats a second the desk is willing to answer."""

_RECONNECT = 1.0
"""Seconds that a worker whose connection broke may take to connect anew, once a heartbeat has told it."""

_Method = TypeVar("_Method", bound=Callable[..., Any])


def _exposed(method: _Method) -> _Method:
    """Pyro4's decorator, with a type."""
    exposed: _Method = Pyro4.expose(method)
    return exposed


@dataclass(slots=True)
class _Member:
    """A worker that has joined.

    Attributes:
        name: its name; one text for all that is kept about it.
        inbox: jobs for it; None only wakes the call that waits.
        in_hand: the job that it has got and not reported yet.
        reported: what it reported last.
        is_recorded: set once the log has that, or nobody will write it down any more.
        broken_since: when its connection closed in the middle of a job.
    """

    name: str
    token: str
    connection: Any
    last_seen: float
    inbox: queue.SimpleQueue[tuple[Attempt, str] | None] = field(default_factory=queue.SimpleQueue)
    in_hand: tuple[Attempt, str] | None = None
    reported: Attempt | None = None
    is_recorded: threading.Event = field(default_factory=threading.Event)
    broken_since: float | None = None


class Desk:
    """The remote object of the dispatcher; its exposed methods run in the threads of Pyro4, all others in the loop's.

    Args:
        run_id: told to workers, so that one of another run notices.
        clock: stamps happenings.
        silence_limit: seconds without any call after which a worker is lost.
        versions: of the master's packages, for whoever asks.

    Attributes:
        session: tells the jobs of this master from those of an earlier one with the same run_id.
    """

    def __init__(
        self, run_id: str, clock: Callable[[], float], silence_limit: float, versions: Mapping[str, str]
    ) -> None:
        self.session = uuid.uuid4().hex
        self._run_id = run_id
        self._clock = clock
        self._silence_limit = silence_limit
        self._versions = versions
        self._lock = threading.Lock()
        self._members: dict[str, _Member] = {}
        self._is_closing = False
        self._is_closed = False
        self._happenings: queue.SimpleQueue[tuple[Happening, _Member | None]] = queue.SimpleQueue()
        self._known: dict[str, _Member] = {}
        self._looked_at = time.monotonic()

    @_exposed
    def ping(self) -> str:
        """Which run this is; shows that the master lives."""
        return self._run_id

    @_exposed
    def versions(self) -> dict[str, str]:
        """With which versions the master was started: an upgrade since then has not reached it."""
        return dict(self._versions)

    @_exposed
    def join(self, worker: str, token: str) -> str:
        """Become a member, or go on being one over a new connection.

        Returns:
            ``SHUTDOWN``, an error message, or the empty text.
        """
        if self._is_closed:
            raise ConnectionError("this master is closed")
        if not (type(worker) is type(token) is str):
            raise TypeError("worker and token must be text")
        with self._lock:
            if self._is_closing:
                return SHUTDOWN
            member = self._members.get(worker)
            if member is not None and member.token != token:
                if member.broken_since is None:
                    return (
                        f"worker {worker!r} cannot join run {self._run_id!r}: another worker of that name is at work; "
                        "give each worker of one process its own id"
                    )
                self._drop(worker, "another process came in its place")
                member = None
            if member is None:
                member = self._members[worker] = _Member(worker, token, None, 0.0)
                self._happenings.put((WorkerJoined(self._clock(), worker), member))
            _note_life(member)
        return ""

    @_exposed
    def exchange(self, worker: str, token: str, report: str | None, wait: float | None) -> str | None:
        """Hand in a result, take the next job.

        Args:
            report: an encoded report, or None.
            wait: seconds to wait for a job; None to take none.

        Returns:
            An encoded job; ``SHUTDOWN``; ``AGAIN``; the empty text if there was no job in time; None if the worker is
            no member.
        """
        member = self._seen(worker, token)
        if member is None:
            return None
        if report is not None and self._take_report(member, report) and not self._is_safe(member):
            return AGAIN
        if self._is_closing:
            return SHUTDOWN
        if self._is_closed:
            return None
        if wait is None:
            return ""
        if member.in_hand is None:
            self._wait_for_job(member, min(wait, _POLL, self._silence_limit / 3))
        if self._is_closing:
            return SHUTDOWN
        if self._is_closed:
            return None
        return "" if member.in_hand is None else member.in_hand[1]

    @_exposed
    def heartbeat(self, worker: str, token: str) -> tuple[float, bool]:
        """Show that a worker which computes is alive.

        Returns:
            Seconds until the next heartbeat, and whether to go home after this job.
        """
        self._seen(worker, token)
        return self._beat_interval, self._is_closing

    @_exposed
    def wake(self, worker: str, token: str) -> None:
        """End the call in which a worker waits for a job, since it wants to go."""
        with self._lock:
            member = self._members.get(worker)
            if member is not None and member.token == token:
                member.inbox.put(None)

    @_exposed
    def leave(self, worker: str, token: str, reason: str, hands_back: bool = True) -> None:
        """Be a member no longer; a job in hand goes back to the queue.

        Args:
            hands_back: whether another worker will do better; else it counts as a loss of that job.
        """
        with self._lock:
            member = self._members.get(worker)
            if member is not None and member.token == token:
                self._drop(worker, reason, hands_back is True)

    def disconnected(self, connection: Any) -> None:
        """A connection has ended; if it was an idle member's, that member is lost, a busy one may come back."""
        with self._lock:
            for worker in [name for name, member in self._members.items() if member.connection is connection]:
                member = self._members[worker]
                if member.in_hand is None:
                    self._drop(worker, "its connection closed")
                else:
                    member.broken_since = time.monotonic()

    def emit(self, happening: Happening) -> None:
        """Queue what the master itself has noticed."""
        self._happenings.put((happening, None))

    def next_event(self, timeout: float) -> Happening | None:
        """The next happening, or None when ``timeout`` seconds have passed without one."""
        try:
            happening, member = self._happenings.get(timeout=timeout) if timeout > 0 else self._happenings.get_nowait()
        except queue.Empty:
            return None
        match happening:
            case WorkerJoined():
                assert member is not None
                self._known[happening.worker] = member
            case WorkerLost():
                self._known.pop(happening.worker, None)
        return happening

    def acknowledge(self, happening: Happening) -> None:
        """The log has it: the worker that reported it may forget it."""
        if not isinstance(happening, JobFinished):
            return
        member = self._known.get(happening.worker)
        if member is None or member.reported is None:
            return
        if member.reported[:3] == (happening.config_id, happening.budget, happening.attempt):
            member.is_recorded.set()

    def deliver(self, worker: str, attempt: Attempt, job: str) -> None:
        """Put an encoded job into a worker's hands.

        It goes to the member that the loop knows of: if that one is gone, or has come anew, its loss is on its way.
        """
        self._known[worker].inbox.put((attempt, job))

    def drop_silent(self) -> None:
        """Lose every member that has said nothing for too long.

        A master that was away itself (stopped, or without processor time) gives its members that time on top, since
        it could not hear them.
        """
        silent = []
        with self._lock:
            now = time.monotonic()
            away = now - self._looked_at
            self._looked_at = now
            grace = self._beat_interval + _RECONNECT
            for worker, member in list(self._members.items()):
                if away > self._silence_limit / 2:
                    member.last_seen += away
                if member.last_seen < now - self._silence_limit:
                    self._drop(worker, f"it was silent for {self._silence_limit:g} seconds")
                    silent.append(member)
                elif member.broken_since is not None and member.broken_since < now - grace:
                    self._drop(worker, "its connection closed in the middle of a job")
        for member in silent:
            member.connection.hang_up()

    def send_home(self) -> float:
        """Tell every member to go home: the idle at once, the busy with their next heartbeat.

        Returns:
            Seconds until the last should have heard of it.
        """
        with self._lock:
            self._is_closing = True
        self._wake_all()
        return 2 * self._beat_interval

    def close(self) -> None:
        """Take no further call, and end every call that waits."""
        self._is_closed = True
        self._wake_all()

    def _wake_all(self) -> None:
        with self._lock:
            for member in self._members.values():
                member.inbox.put(None)
                member.is_recorded.set()

    @property
    def is_empty(self) -> bool:
        """Whether nobody is here."""
        return not self._members

    @property
    def _beat_interval(self) -> float:
        return min(max(1.0, len(self._members) / _CALLS_PER_SECOND), self._silence_limit / 3)

    def _seen(self, worker: str, token: str) -> _Member | None:
        with self._lock:
            member = self._members.get(worker)
            if member is None or member.token != token:
                return None
            _note_life(member)
            return member

    def _take_report(self, member: _Member, report: str) -> bool:
        """Pass a report on, unless that was done; whether it is one that counts."""
        try:
            attempt, outcome = decode_report(report)
        except CommunicationError as error:  # without an answer that it understands, a worker would send it for ever
            if member.in_hand is None:
                return False
            attempt, outcome = member.in_hand[0], Outcome(OutcomeState.FAILED, error=str(error))
        with self._lock:
            if attempt.session != self.session or self._members.get(member.name) is not member:
                return False
            if member.reported == attempt:
                return True
            if member.in_hand is not None and member.in_hand[0] == attempt:
                attempt = member.in_hand[0]  # the log keeps it: let it keep one
                member.in_hand = None
            member.reported, member.is_recorded = attempt, threading.Event()
            config_id, budget, number, _ = attempt
            self._happenings.put((JobFinished(self._clock(), config_id, budget, number, member.name, outcome), None))
            return True

    def _is_safe(self, member: _Member) -> bool:
        """Wait until the log has what the member reported; not while the desk closes, which takes all that was."""
        if self._is_closing or self._is_closed:
            return True
        return member.is_recorded.wait(min(_POLL, self._silence_limit / 3))

    def _wait_for_job(self, member: _Member, wait: float) -> None:
        try:
            job = member.inbox.get(timeout=wait)
        except queue.Empty:
            job = None
        with self._lock:
            member.last_seen = time.monotonic()
            if job is not None:
                member.in_hand = job

    def _drop(self, worker: str, reason: str, handed_back: bool = False) -> None:
        member = self._members.pop(worker)
        member.inbox.put(None)
        self._happenings.put((WorkerLost(self._clock(), worker, reason, handed_back), None))


def _note_life(member: _Member) -> None:
    member.last_seen = time.monotonic()
    member.broken_since = None
    connection = Pyro4.current_context.client
    if connection is not member.connection:
        member.connection = connection
        connection.sock.settimeout(None)  # a member may be silent for as long as its heartbeats allow
