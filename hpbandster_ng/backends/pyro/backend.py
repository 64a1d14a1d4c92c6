"""Workers in other threads, processes and machines, over Pyro4."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from typing import Any

import Pyro4
import Pyro4.errors

from hpbandster_ng.backends.base import Clock
from hpbandster_ng.backends.pyro.desk import Desk
from hpbandster_ng.backends.pyro.nameserver import dispatcher_name, locate_nameserver, lookup, proxy_to
from hpbandster_ng.backends.pyro.settings import CONNECT_TIMEOUT
from hpbandster_ng.backends.pyro.wire import Attempt, Order, encode_order
from hpbandster_ng.engine.events import Happening, JobFinished, StartJob
from hpbandster_ng.engine.records import Job, Outcome, OutcomeState
from hpbandster_ng.errors import CommunicationError, MasterExistsError, NameServerError, NotPlainError

__all__ = ["PyroBackend"]

_PATIENCE = 7.0
"""Seconds for which a master looks for its nameserver."""

_GOODBYE = 3.0
"""Seconds for which a closing master waits until its workers have heard of it."""

_SILENT_PINGS = 3
"""So many intervals of silence make a worker lost."""


class _Daemon(Pyro4.Daemon):  # type: ignore[misc]
    desk: Desk | None = None

    def clientDisconnect(self, conn: Any) -> None:
        if self.desk is not None:
            self.desk.disconnected(conn)


class PyroBackend:
    """The dispatcher of a run.

    Args:
        run_id: workers with the same run_id work for this run.
        nameserver, nameserver_port: where the nameserver listens; 127.0.0.1 and 9090 by default.
        host: address of this machine on which workers reach the dispatcher; ``localhost`` by default.
        working_directory: passed to ``compute``.
        ping_interval: seconds; a worker that is silent for three of these is lost.
    """

    def __init__(
        self,
        run_id: str,
        nameserver: str | None = None,
        nameserver_port: int | None = None,
        host: str | None = None,
        working_directory: str = ".",
        ping_interval: float = 60,
    ) -> None:
        self.run_id = run_id
        self.nameserver = nameserver
        self.nameserver_port = nameserver_port
        self.host = host
        self.working_directory = working_directory
        self.ping_interval = ping_interval
        self._events: queue.SimpleQueue[Happening] = queue.SimpleQueue()
        self._daemon: Any = None

    def start(self, clock: Clock) -> None:
        """Listen for workers and register with the nameserver.

        Raises:
            NameServerError: no nameserver answers.
            MasterExistsError: another master of this run_id is alive.
            CommunicationError: ``host`` is not an address of this machine.
        """
        self._clock = clock
        with contextlib.closing(_Nameserver(self.nameserver, self.nameserver_port)) as nameserver:
            nameserver.refuse_living(self.run_id)
            try:
                self._daemon = _Daemon(host=self.host or "localhost")
            except OSError as error:
                raise CommunicationError(
                    f"cannot listen on host={self.host!r}: {error}; give an address of this machine, for example "
                    "nic_name_to_host(nic_name)"
                ) from error
            self._desk = Desk(self.run_id, self._events.put, clock, _SILENT_PINGS * self.ping_interval)
            self._daemon.desk = self._desk
            try:
                nameserver.register(self.run_id, self._daemon.register(self._desk))
            except CommunicationError:
                self._daemon.close()
                raise
        self._thread = threading.Thread(target=self._daemon.requestLoop, name="hpbandster-dispatcher", daemon=True)
        self._thread.start()

    def submit(self, start: StartJob, job: Job) -> None:
        attempt = Attempt(job.config_id, job.budget, start.attempt)
        try:
            order = encode_order(Order(attempt, job.config, self.working_directory))
        except NotPlainError as error:
            outcome = Outcome(OutcomeState.FAILED, error=str(error))
            self._events.put(JobFinished(self._clock(), *attempt, start.worker, outcome))
            return
        self._desk.deliver(start.worker, order)

    def next_event(self, timeout: float) -> Happening | None:
        try:
            return self._events.get(timeout=timeout) if timeout > 0 else self._events.get_nowait()
        except queue.Empty:
            self._desk.drop_silent()
            return None

    def close(self, shutdown_workers: bool) -> None:
        if self._daemon is None:
            return
        if shutdown_workers:
            self._desk.send_home()
            give_up = time.monotonic() + _GOODBYE
            while not self._desk.all_told and time.monotonic() < give_up:
                time.sleep(0.01)
        with (
            contextlib.suppress(NameServerError),
            contextlib.closing(_Nameserver(self.nameserver, self.nameserver_port, patience=0)) as nameserver,
        ):
            nameserver.remove(self.run_id)
        self._daemon.desk = None
        self._daemon.shutdown()
        self._thread.join()
        self._daemon.close()
        self._daemon = None


class _Nameserver:
    """The three things that a master does with a nameserver."""

    def __init__(self, host: str | None, port: int | None, patience: float = _PATIENCE) -> None:
        self._proxy = locate_nameserver(host, port, patience)

    def refuse_living(self, run_id: str) -> None:
        """Remove the trace of a master that is dead; raise if one is alive."""
        location = lookup(self._proxy, dispatcher_name(run_id))
        if location is None:
            return
        master = proxy_to(location, CONNECT_TIMEOUT)
        try:
            master.ping()
        except (OSError, Pyro4.errors.PyroError):
            self.remove(run_id)
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

    def remove(self, run_id: str) -> None:
        with contextlib.suppress(OSError, Pyro4.errors.PyroError):
            self._proxy.remove(dispatcher_name(run_id))

    def close(self) -> None:
        self._proxy._pyroRelease()

    @staticmethod
    def _exists(run_id: str) -> MasterExistsError:
        return MasterExistsError(
            f"run_id={run_id!r} has a living master already; shut it down, or choose another run_id"
        )
