"""The backend that feeds a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from hpbandster_ng.backends.base import NO_CONTEXT, Clock, Context
from hpbandster_ng.backends.dask.residents import build, deferred
from hpbandster_ng.backends.dask.session import Handle, Session
from hpbandster_ng.backends.factory import WorkerFactory
from hpbandster_ng.backends.happenings import Happenings
from hpbandster_ng.backends.isolation import refuse_to_run_in_a_child
from hpbandster_ng.engine.checks import check_number
from hpbandster_ng.engine.events import Happening, StartJob
from hpbandster_ng.engine.records import Job
from hpbandster_ng.errors import CommunicationError, InvalidArgumentError

__all__ = ["DaskBackend"]


class DaskBackend:
    """Computes in the worker processes of a Dask cluster, one evaluation at a time in each.

    Each of them builds its worker once. Who joins the cluster gets jobs, who leaves it does not; a job whose Dask
    worker dies is started again by the run, as often as its ``max_attempts`` say, and never by Dask itself. When this
    is closed, what runs is cancelled: at once where it has a child process; a thread cannot be killed, so it goes on
    and keeps its Dask worker busy. The client stays open.

    Args:
        client: of the cluster; not an asynchronous one.
        worker_class: a subclass of :class:`~hpbandster_ng.core.worker.Worker`, or another one whose objects have
            ``compute``; it may be defined in a notebook or in the script.
        worker_kwargs: arguments of the class. The ``run_id`` of a ``Worker`` need not be among them. They are
            sent to each Dask worker; what is large is better loaded there.
        working_directory: of the run; ``compute`` gets a directory in it, its configuration's own. If it is relative,
            it is below the directory in which the Dask worker was started.
        resources: what an evaluation takes of a Dask worker's resources, such as ``{"GPU": 1}``; who has not so much
            gets no job.
        isolate: whether all evaluations run in a child process of the Dask worker, as with ``Worker(...,
            isolate=True)``. Otherwise only those with a time limit do.

    Raises:
        InvalidArgumentError: names the parameter.

    Example:
        >>> from distributed import Client, LocalCluster
        >>> from hpbandster_ng.examples.commons import MyWorker
        >>> from hpbandster_ng.optimizers import BOHB
        >>> cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0")
        >>> with cluster, Client(cluster) as client:
        ...     backend = DaskBackend(client, MyWorker)
        ...     with BOHB(MyWorker.get_configspace(), min_budget=1, max_budget=9, backend=backend) as bohb:
        ...         result = bohb.run(n_iterations=1)
        >>> len(result.get_all_runs())
        13
    """

    def __init__(
        self,
        client: Any,
        worker_class: Callable[..., Any],
        worker_kwargs: Mapping[str, Any] | None = None,
        working_directory: str | os.PathLike[str] = ".",
        resources: Mapping[str, float] | None = None,
        isolate: bool = False,
    ) -> None:
        self.client = client
        self.factory = WorkerFactory(worker_class, dict(worker_kwargs or {}))
        self.working_directory = os.fspath(working_directory)
        self.resources = {
            name: check_number(f"resources[{name!r}]", amount, "1 is usual", positive=True)
            for name, amount in (resources or {}).items()
        }
        self.isolate = isolate
        self._session: Session | None = None
        self._handles: dict[str, Handle] = {}

    def start(self, clock: Clock) -> None:
        """Look for Dask workers; each joins when it has built its worker.

        Raises:
            InvalidArgumentError: the client is asynchronous; the class or its arguments cannot be pickled; or this is
                a child process that imports the script.
            CommunicationError: the client is closed, or has lost its scheduler.
        """
        refuse_to_run_in_a_child(
            "backend", "DaskBackend(...)", "may make processes import this script, which begins a run as soon as it is "
            "imported",
        )  # fmt: skip
        if self.client.asynchronous:
            raise InvalidArgumentError("client", self.client, "must not be asynchronous", "make it by Client(address)")
        if self.client.status != "running":
            raise self._disconnected()
        self._happenings = Happenings(clock)
        self._session = Session(
            self.client,
            self.factory.worker_class,
            self._building(),
            self.resources,
            self._happenings,
            self._handles,
        )
        try:
            self.client.sync(self._session.open)
        except BaseException:  # Ctrl-C
            self.close(shutdown_workers=True)
            raise

    def _building(self) -> bytes:
        try:
            return deferred(build, self.factory.worker_class, self.factory.worker_kwargs, self.isolate)
        except Exception as error:  # pickling runs code of the user
            raise InvalidArgumentError(
                "worker_class", self.factory.worker_class, f"cannot be sent to a Dask worker ({error})",
                "keep in it, and in its arguments, only what can be pickled",
            ) from error  # fmt: skip

    def submit(self, start: StartJob, job: Job, context: Context = NO_CONTEXT) -> None:
        assert self._session is not None
        if call := self._happenings.call_for(start, job, context, self.working_directory):
            self.client.loop.add_callback(self._session.submit, start, call)

    def next_event(self, timeout: float) -> Happening | None:
        """The next happening, or None.

        Raises:
            InvalidArgumentError: none of the Dask workers can build a worker, or make the working directory; or their
                versions are others than here.
            CommunicationError: the client is closed, or has lost its scheduler for longer than its own timeout.
        """
        happening = self._happenings.next(timeout)
        # Between two decisions only, so that the run is not broken off in the middle of one.
        if happening is None and timeout > 0 and self._session is not None:
            if self._session.error is not None:
                raise self._session.error
            if self.client.status not in ("running", "connecting"):
                raise self._disconnected()
        return happening

    def acknowledge(self, happening: Happening) -> None:
        """Nobody waits for that here."""

    def close(self, shutdown_workers: bool) -> None:
        """Cancel what runs.

        Args:
            shutdown_workers: whether the Dask workers forget the workers that they have built, too.
        """
        session, self._session = self._session, None
        if session is not None and self.client.status in ("running", "connecting"):
            self.client.sync(session.close)
        if shutdown_workers:
            while self._handles:
                self._handles.popitem()[1].future.release()

    def _disconnected(self) -> CommunicationError:
        return CommunicationError(
            f"the Dask client of this run has no scheduler any more (it is {self.client.status}); make a new optimizer "
            "with a new client, which goes on from a storage if there is one"
        )
