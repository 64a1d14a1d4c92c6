"""A worker's side of the desk: find the master, ask for jobs, hand in results, until sent home."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import Pyro4.errors

from hpbandster_ng.backends.pyro.access import Access
from hpbandster_ng.backends.pyro.desk import AGAIN, SHUTDOWN
from hpbandster_ng.backends.pyro.nameserver import dispatcher_name, locate_nameserver, lookup, patience_after
from hpbandster_ng.backends.pyro.proxy import proxy_to
from hpbandster_ng.backends.pyro.settings import CALL_TIMEOUT, CONNECT_TIMEOUT, LOST_AFTER, PATIENCE, PATIENCE_WITH_BUSY
from hpbandster_ng.backends.pyro.wire import Attempt, Order, decode_order, encode_report
from hpbandster_ng.engine.records import Outcome, OutcomeState
from hpbandster_ng.errors import CredentialsError, HpbandsterError, NameServerError, NotPlainError, WorkerExistsError

__all__ = ["DeskClient"]

_INTERVAL = 0.25
_LONGEST_INTERVAL = 2.0
"""Seconds between two looks for a master, at first and after a while: a thousand workers may wait for one for hours."""

_SLOWER = 1.25
"""So many times longer is each interval than the one before."""

_POLL = 5.0
"""Seconds that one call waits for a job, if the master agrees."""

_MAX_DELIVERIES = 3
"""So often a report is sent that breaks the connection each time."""

_WARN_AFTER = 5.0
"""Seconds after which a master that is registered but does not answer is worth a warning."""

_WARN_MASTERLESS_AFTER = 30.0
"""Seconds without anyone to work for that are worth a warning."""

Locator = Callable[[], tuple[str | None, int | None]]
"""Where the nameserver is now; may change between two calls."""


class DeskClient:
    """Serves one run until sent home, idle for too long, or abandoned.

    Args:
        run_id: the run to work for.
        worker: the name under which to work.
        locate: tells host and port of the nameserver.
        evaluate: evaluates one order.
        idle_timeout: seconds without a job after which the work ends; None for no limit.
        logger: told in a line what happens.
        access: to the run; by default with the secret that this user's processes find by the run's name.
        max_message_bytes: what one report may weigh; 64 MiB by default.
        lost_after: seconds for which it looks for a nameserver that it has lost, if it has no idle limit.
    """

    def __init__(
        self,
        run_id: str,
        worker: str,
        locate: Locator,
        evaluate: Callable[[Order], Outcome],
        idle_timeout: float | None,
        logger: logging.Logger,
        access: Access | None = None,
        max_message_bytes: int | None = None,
        lost_after: float = LOST_AFTER,
    ) -> None:
        self.run_id = run_id
        self.worker = worker
        self.locate = locate
        self.evaluate = evaluate
        self.idle_timeout = idle_timeout
        self.logger = logger
        self.access = access or Access(run_id)
        self.max_message_bytes = max_message_bytes
        self.lost_after = lost_after
        self._token = uuid.uuid4().hex
        self._nameserver: Any = None
        self._desk: Any = None
        self._location: Any = None
        self._stop = threading.Event()
        self._has_ended = threading.Event()
        self._is_computing = threading.Event()
        self._report: tuple[Attempt, str] | None = None
        self._deliveries = 0
        self._unreachable: tuple[Any, float] | None = None
        self._idle_since = time.monotonic()
        self._masterless_since: float | None = None
        self._interval = _INTERVAL
        self._last_moment: float | None = None
        self._abort: Callable[[], Any] = lambda: None

    def connect(self) -> None:
        """Make sure that there is a nameserver.

        Raises:
            NameServerError: there is none.
            CredentialsError: it is another run's.
        """
        self._nameserver_at(PATIENCE, PATIENCE_WITH_BUSY)._pyroRelease()

    def stop(self) -> None:
        """End after the job in hand; from any thread."""
        self._stop.set()
        if self._location is not None and not self._is_computing.is_set():
            with contextlib.suppress(OSError, Pyro4.errors.PyroError), self._released() as desk:
                desk.wake(self.worker, self._token)

    def end_within(self, seconds: float, abort: Callable[[], Any]) -> None:
        """End after the job in hand; if that takes too long, hand it back and call ``abort`` in the heartbeat's thread.

        This touches no lock, so that a signal handler may call it.
        """
        self._abort = abort
        self._last_moment = time.monotonic() + seconds

    def run(self) -> None:
        """Work; a job that something interrupts is handed back.

        Raises:
            NameServerError: the nameserver was gone for too long.
            CredentialsError: another run has taken its place.
            WorkerExistsError: another worker of that name works for the same run.
            HpbandsterError: the evaluation could not be made; the master is told why.
        """
        reason, hands_back = "it left", True
        self._idle_since = time.monotonic()
        heart = threading.Thread(target=self._beat, name=f"hpbandster-heartbeat-{self.worker}", daemon=True)
        heart.start()
        try:
            while not self._is_over:
                if self._find_master():
                    self._serve()
        except (NameServerError, CredentialsError):
            if not self._is_over:
                raise
        except HpbandsterError as error:
            reason, hands_back = str(error), False
            raise
        finally:
            self._stop.set()
            self._has_ended.set()
            self._is_computing.set()
            self._forget_nameserver()
            self._leave(reason, hands_back)
            heart.join()

    @property
    def _is_over(self) -> bool:
        if self._is_stopping:
            return True
        if self._patience_left > 0:
            return False
        self.logger.info("worker %s ends: no job for timeout=%g seconds", self.worker, self.idle_timeout)
        self._stop.set()
        return True

    @property
    def _is_stopping(self) -> bool:
        return self._stop.is_set() or self._last_moment is not None

    @property
    def _patience_left(self) -> float:
        """Seconds until the idle limit."""
        if self.idle_timeout is None:
            return self.lost_after
        return self.idle_timeout - (time.monotonic() - self._idle_since)

    def _nameserver_at(self, patience: float, with_busy: float = 0.0) -> Any:
        begin = time.monotonic()
        while True:
            host, port = self.locate()
            try:
                return locate_nameserver(host, port, 0, self.access)
            except NameServerError as error:
                left = begin + patience_after(error, patience, with_busy) - time.monotonic()
                self._note_masterless("no nameserver answers", left)
                if left <= 0 or self._stop.wait(min(_INTERVAL, left)):
                    raise

    def _find_master(self) -> bool:
        """Look once for a master and join it; False if there is none yet."""
        location = self._masters_location()
        if location is None:
            patience = None if self.idle_timeout is None else self._patience_left
            self._note_masterless(f"run {self.run_id} has no master", patience)
        if location is None or not self._join(location):
            self._stop.wait(min(self._interval, max(0.0, self._patience_left)))
            self._interval = min(_SLOWER * self._interval, _LONGEST_INTERVAL)
            return False
        self._interval = _INTERVAL
        return True

    def _masters_location(self) -> Any | None:
        """Ask the nameserver, over one connection until a master is joined: to connect costs ten times a question."""
        if self._nameserver is None:
            self._nameserver = self._nameserver_at(min(self.lost_after, self._patience_left))
        try:
            return lookup(self._nameserver, dispatcher_name(self.run_id))
        except NameServerError:  # it went away between two calls; whether for too long is seen by the next look
            self._forget_nameserver()
            return None

    def _forget_nameserver(self) -> None:
        if self._nameserver is not None:
            self._nameserver._pyroRelease()
            self._nameserver = None

    def _join(self, location: Any) -> bool:
        self._forget_nameserver()  # before the master knows of us: Python ignores a Ctrl-C that meets a proxy's end
        desk = proxy_to(location, CALL_TIMEOUT, self.access.secret)
        try:
            refusal = desk.join(self.worker, self._token)
        except (OSError, Pyro4.errors.PyroError) as error:
            desk._pyroRelease()
            self._note_unreachable(location, error)
            return False
        if refusal:
            desk._pyroRelease()
            self._stop.set()
            if refusal == SHUTDOWN:
                return False
            raise WorkerExistsError(refusal)
        self._desk, self._location, self._unreachable = desk, location, None
        self._masterless_since = None
        self.logger.info("worker %s joined run %s", self.worker, self.run_id)
        return True

    def _note_masterless(self, why: str, patience: float | None) -> None:
        """Warn, once, of a long time without anyone to work for.

        Args:
            patience: seconds for which that may go on; None for no limit.
        """
        now = time.monotonic()
        if self._masterless_since is None:
            self._masterless_since = now
        elif now > self._masterless_since + _WARN_MASTERLESS_AFTER:
            self._masterless_since = math.inf
            limit = "without limit, since it has no timeout" if patience is None else f"for {patience:.0f} s more"
            self.logger.warning("worker %s: %s; it keeps looking %s", self.worker, why, limit)

    def _note_unreachable(self, location: Any, error: Exception) -> None:
        """Warn, once, of a master that is registered but cannot be reached."""
        known, since = self._unreachable or (None, 0.0)
        if known != location:
            self._unreachable = location, time.monotonic()
        elif time.monotonic() > since + _WARN_AFTER:
            self._unreachable = location, float("inf")
            self.logger.warning(
                "worker %s: run %s has a master at %s, which does not answer (%s: %s); if it is alive, give it a host= "
                "that this machine can reach; this worker keeps trying",
                self.worker, self.run_id, location, type(error).__name__, error,
            )  # fmt: skip

    def _serve(self) -> None:
        """Exchange results for jobs until the connection breaks or the work is over."""
        while not self._is_over or self._report is not None:
            report = None if self._report is None else self._report[1]
            try:
                wait = None if self._is_stopping else min(_POLL, max(0.0, self._patience_left))
                answer = self._desk.exchange(self.worker, self._token, report, wait)
            except (OSError, Pyro4.errors.PyroError) as error:
                self.logger.info("worker %s lost its master (%s: %s)", self.worker, type(error).__name__, error)
                self._note_failed_delivery(error)
                self._release()
                return
            if answer is None:
                self._release()
                return
            if answer == AGAIN:
                if not self._stop.is_set():
                    continue
                self.logger.warning("worker %s leaves before its master has written its result down", self.worker)
            self._report, self._deliveries = None, 0
            if answer == SHUTDOWN:
                self.logger.info("worker %s was sent home", self.worker)
                self._stop.set()
            elif answer:
                self._work(decode_order(answer))

    def _work(self, order: Order) -> None:
        self._is_computing.set()
        try:
            outcome = self.evaluate(order)
        finally:
            self._is_computing.clear()
        self._report = order.attempt, _encoded(order.attempt, outcome, self.max_message_bytes)
        self._idle_since = time.monotonic()

    def _note_failed_delivery(self, error: Exception) -> None:
        """A report that never gets through, over a link that else works, becomes one of that."""
        if self._report is None:
            return
        self._deliveries += 1
        if self._deliveries >= _MAX_DELIVERIES:
            attempt, text = self._report
            reason = (
                f"the result could not be delivered: {self._deliveries} times the connection broke while its "
                f"{len(text):,} characters were sent ({type(error).__name__}: {error}); return less, or write large "
                "data to a file"
            )
            self._report = attempt, encode_report(attempt, Outcome(OutcomeState.INVALID, error=reason))

    def _beat(self) -> None:
        interval = 1.0
        while not self._has_ended.is_set():
            self._is_computing.wait()
            if self._has_ended.wait(interval) or not self._is_computing.is_set():
                continue
            try:
                interval, go_home = self._desk.heartbeat(self.worker, self._token)
                if go_home:
                    self._stop.set()
                    self._desk.leave(self.worker, self._token, "it heard that the run is over")
                    return
            except (OSError, AttributeError, Pyro4.errors.PyroError):
                interval = _INTERVAL  # the next call connects anew, if the master is there
            if self._last_moment is not None and time.monotonic() >= self._last_moment:
                self._say_goodbye("it was told to end in the middle of a job")
                self._abort()
                return

    def _leave(self, reason: str, hands_back: bool) -> None:
        self._say_goodbye(reason, hands_back)
        self._release()

    def _say_goodbye(self, reason: str, hands_back: bool = True) -> None:
        desk = self._desk
        if desk is not None:
            desk._pyroTimeout = CONNECT_TIMEOUT
            with contextlib.suppress(OSError, Pyro4.errors.PyroError):
                desk.leave(self.worker, self._token, reason, hands_back)

    def _release(self) -> None:
        if self._desk is not None:
            self._desk._pyroRelease()
            self._desk = None

    @contextlib.contextmanager
    def _released(self) -> Iterator[Any]:
        """Another proxy to the desk, of short life."""
        proxy = proxy_to(self._location, CONNECT_TIMEOUT, self.access.secret)
        try:
            yield proxy
        finally:
            proxy._pyroRelease()


def _encoded(attempt: Attempt, outcome: Outcome, max_bytes: int | None) -> str:
    try:
        return encode_report(attempt, outcome, max_bytes)
    except NotPlainError as error:
        return encode_report(attempt, Outcome(OutcomeState.INVALID, error=str(error)))
