"""Workers in other threads, processes and machines, over Pyro4."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import Pyro4
import Pyro4.errors

from hpbandster_ng.backends.base import NO_CONTEXT, Clock, Context, config_directory
from hpbandster_ng.backends.pyro.access import Access, warn_of_insecurity
from hpbandster_ng.backends.pyro.desk import Desk
from hpbandster_ng.backends.pyro.nameserver import check_port, dispatcher_name, locate_nameserver, lookup
from hpbandster_ng.backends.pyro.proxy import proxy_to
from hpbandster_ng.backends.pyro.server import DaemonThread, check_address
from hpbandster_ng.backends.pyro.settings import (
    CONNECT_TIMEOUT,
    MAX_MESSAGE_BYTES,
    PATIENCE,
    PATIENCE_WITH_BUSY,
    check_max_message_bytes,
)
from hpbandster_ng.backends.pyro.versions import own_versions
from hpbandster_ng.backends.pyro.wire import Attempt, Order, encode_order
from hpbandster_ng.engine.events import Happening, JobFinished, StartJob
from hpbandster_ng.engine.records import Job, Outcome, OutcomeState
from hpbandster_ng.errors import CommunicationError, LogError, MasterExistsError, NameServerError, NotPlainError

__all__ = ["PyroBackend"]

_GOODBYE = 3.0
"""Seconds for which a closing master waits, at least, for workers that have not heard of it."""

_SILENT_PINGS = 3
"""So many intervals of silence make a worker lost."""

_SHORTEST_SILENCE = 3.0
"""Seconds of silence that are never held against a worker: it calls about once a second."""

_LOOK_INTERVAL = 0.5
"""Seconds between two looks for silent workers."""


_RENEWAL_INTERVAL = 10.0
"""Seconds between two looks whether the nameserver still knows the master: one that was restarted does not."""


class _Daemon(Pyro4.Daemon):  # type: ignore[misc]
    desk: Desk | None = None
    renew: Callable[[], None] | None = None

    def housekeeping(self) -> None:
        """Pyro4 calls this every other second, in a thread that does nothing else."""
        if self.renew is not None:
            self.renew()

    def clientDisconnect(self, conn: Any) -> None:
        if self.desk is not None:
            self.desk.disconnected(conn)


class PyroBackend:
    """The dispatcher of a run.

    Args:
        run_id: workers with the same run_id work for this run.
        nameserver, nameserver_port: where the nameserver listens; 127.0.0.1 and 9090 by default.
        host: address of this machine on which workers reach the dispatcher; ``localhost`` by default.
        working_directory: of the run; ``compute`` gets a directory in it, its configuration's own. A credentials
            file of the run is looked for here, too.
        ping_interval: seconds; a worker that is silent for three of these, and for 3 seconds, is lost.
        insecure: whether nameserver and workers do without a secret.
        max_message_bytes: what one result may weigh; whoever sends more is hung up on.

    Attributes:
        is_searching: whether :meth:`start` looks for the nameserver.

    Raises:
        InvalidArgumentError: ``nameserver_port`` is no port, or the limit none.
    """

    is_searching = False

    def __init__(
        self,
        run_id: str,
        nameserver: str | None = None,
        nameserver_port: int | None = None,
        host: str | None = None,
        working_directory: str = ".",
        ping_interval: float = 60,
        insecure: bool = False,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        self.run_id = run_id
        self.nameserver = nameserver
        self.nameserver_port = check_port(nameserver_port, "nameserver_port")
        self.host = host
        self.working_directory = working_directory
        self.ping_interval = ping_interval
        self.max_message_bytes = check_max_message_bytes(max_message_bytes)
        self.access = Access(run_id, Path(working_directory), insecure)
        self._location: Any = None
        self._thread: DaemonThread | None = None
        self._next_look = 0.0

    def start(self, clock: Clock) -> None:
        """Listen for workers and register with the nameserver.

        Raises:
            NameServerError: no nameserver answers.
            CredentialsError: the one that answers is another run's.
            MasterExistsError: another master of this run_id is alive.
            CommunicationError: ``host`` is not an address of this machine.
        """
        self._clock = clock
        if self.access.insecure:
            warn_of_insecurity()
        with contextlib.closing(self._nameserver_without_master()) as nameserver:
            try:
                check_address(self.host or "localhost", 0)
                daemon = _Daemon(host=self.host or "localhost")
            except (OSError, UnicodeError, Pyro4.errors.PyroError) as error:
                raise CommunicationError(
                    f"cannot listen on host={self.host!r}: {error}; give an address of this machine, for example "
                    "nic_name_to_host(nic_name)"
                ) from error
            silence_limit = max(_SHORTEST_SILENCE, _SILENT_PINGS * self.ping_interval)
            self._desk = Desk(self.run_id, clock, silence_limit, own_versions())
            daemon.desk = self._desk
            self._location = daemon.register(self._desk)
            thread = DaemonThread(daemon, "hpbandster-dispatcher", self.access.secret, self.max_message_bytes)
            thread.start()
            try:
                nameserver.register(self.run_id, self._location)
            except BaseException:
                thread.close()
                raise
            self._thread = thread
        self._next_renewal = time.monotonic() + _RENEWAL_INTERVAL
        daemon.renew = self._renew

    def submit(
        self, start: StartJob, job: Job, context: Context = NO_CONTEXT, working_directory: str | None = None
    ) -> None:
        """Hand a job to an idle worker.

        Args:
            context: what is around ``compute`` there.
            working_directory: in place of the configuration's own.
        """
        attempt = Attempt(job.config_id, job.budget, start.attempt, self._desk.session)
        try:
            directory = working_directory or config_directory(self.working_directory, job.config_id)
            order = encode_order(
                Order(attempt, job.config, directory, start.previous_budget, start.time_limit, context)
            )
        except NotPlainError as error:
            outcome = Outcome(OutcomeState.FAILED, error=str(error))
            self._desk.emit(JobFinished(self._clock(), *start.key, start.attempt, start.worker, outcome))
            return
        self._desk.deliver(start.worker, attempt, order)

    def next_event(self, timeout: float) -> Happening | None:
        until = time.monotonic() + timeout
        while True:
            now = time.monotonic()
            if now >= self._next_look:
                self._desk.drop_silent()
                self._next_look = now + _LOOK_INTERVAL
            happening = self._desk.next_event(min(until, self._next_look) - now)
            if happening is not None or time.monotonic() >= until:
                return happening

    def acknowledge(self, happening: Happening) -> None:
        self._desk.acknowledge(happening)

    def close(self, shutdown_workers: bool) -> None:
        if self._thread is None:
            return
        if shutdown_workers:
            give_up = time.monotonic() + max(_GOODBYE, self._desk.send_home())
            while not self._desk.is_empty and time.monotonic() < give_up:
                self._desk.drop_silent()
                time.sleep(0.01)
        self._desk.close()
        self._thread.close()
        self._thread = None
        with (
            contextlib.suppress(CommunicationError, LogError),
            contextlib.closing(self._find_nameserver(patience=0)) as nameserver,
        ):
            nameserver.remove(self.run_id, self._location)

    def _nameserver_without_master(self) -> _Nameserver:
        self.is_searching = True
        try:
            nameserver = self._find_nameserver(PATIENCE, PATIENCE_WITH_BUSY)
            try:
                nameserver.refuse_living(self.run_id)
            except BaseException:
                nameserver.close()
                raise
            return nameserver
        finally:
            self.is_searching = False

    def _find_nameserver(self, patience: float, with_busy: float = 0.0) -> _Nameserver:
        address = (self.nameserver, self.nameserver_port)
        return _Nameserver(locate_nameserver(*address, patience, self.access, with_busy), self.access)

    def _renew(self) -> None:
        if time.monotonic() < self._next_renewal:
            return
        self._next_renewal = time.monotonic() + _RENEWAL_INTERVAL
        with (
            contextlib.suppress(CommunicationError, LogError),
            contextlib.closing(self._find_nameserver(patience=0)) as nameserver,
        ):
            nameserver.register(self.run_id, self._location)
            if self._thread is not None:
                self._thread.secret = self.access.secret  # the nameserver may have come back with another one


class _Nameserver:
    """What a master does with a nameserver."""

    def __init__(self, proxy: Any, access: Access) -> None:
        self._proxy = proxy
        self._access = access

    def refuse_living(self, run_id: str) -> None:
        """Remove the trace of a master that is dead; raise if one is alive."""
        location = lookup(self._proxy, dispatcher_name(run_id))
        if location is None:
            return
        master = proxy_to(location, CONNECT_TIMEOUT, self._access.secret)
        try:
            master.ping()
        except (OSError, Pyro4.errors.PyroError):
            self.remove(run_id, location)
            return
        finally:
            master._pyroRelease()
        raise self._exists(run_id)

    def register(self, run_id: str, location: Any) -> None:
        try:
            self._proxy.register(dispatcher_name(run_id), location, safe=True)
        except Pyro4.errors.NamingError as error:
            raise self._exists(run_id) from error
        except (OSError, Pyro4.errors.PyroError) as error:
            raise NameServerError(f"the nameserver does not answer any more: {error}") from error

    def remove(self, run_id: str, location: Any) -> None:
        """Remove the entry, unless it is another master's by now."""
        with contextlib.suppress(OSError, Pyro4.errors.PyroError):
            if self._proxy.lookup(dispatcher_name(run_id)) == location:
                self._proxy.remove(dispatcher_name(run_id))

    def close(self) -> None:
        self._proxy._pyroRelease()

    @staticmethod
    def _exists(run_id: str) -> MasterExistsError:
        return MasterExistsError(
            f"run_id={run_id!r} has a living master already; shut it down, or choose another run_id"
        )
