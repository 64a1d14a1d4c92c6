"""Workers in processes of this machine, without a network: for all who have no cluster."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue
from typing import Any

from hpbandster_ng.backends.base import NO_CONTEXT, Clock, Context
from hpbandster_ng.backends.devices import VISIBLE_DEVICES, device_of, visible_devices
from hpbandster_ng.backends.evaluation import Call
from hpbandster_ng.backends.evaluator import Evaluator
from hpbandster_ng.backends.factory import WorkerFactory
from hpbandster_ng.backends.happenings import Happenings
from hpbandster_ng.backends.isolation import refuse_to_run_in_a_child
from hpbandster_ng.engine.checks import check_whole
from hpbandster_ng.engine.events import Happening, StartJob, WorkerJoined, WorkerLost
from hpbandster_ng.engine.records import Job
from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["ProcessBackend"]


class ProcessBackend:
    """Computes in ``n_workers`` processes of this machine.

    Each is a new Python process that imports the program and builds its worker once. So the class is defined in a
    module, or in a script that does its work below ``if __name__ == "__main__":``. An evaluation that takes its process
    along has failed, and one that is over its time limit is killed, as with ``Worker(..., isolate=True)``; the process
    is replaced. None outlives this one, however that ends.

    Args:
        worker_class: a subclass of :class:`~hpbandster_ng.core.worker.Worker`, or another one whose objects have
            ``compute``.
        n_workers: how many evaluations run at a time.
        worker_kwargs: arguments of the class, which can be pickled. The ``run_id`` of a ``Worker`` need not be among
            them; it is ``"run"`` then.
        working_directory: of the run; ``compute`` gets a directory in it, its configuration's own.
        devices: such as ``["cuda:0", "cuda:1"]``: each process sees one of them, in turn, and no other:
            ``CUDA_VISIBLE_DEVICES`` is set before anything is imported.

    Raises:
        InvalidArgumentError: names the parameter.

    Example:
        >>> from hpbandster_ng.examples.commons import MyWorker
        >>> from hpbandster_ng.optimizers import BOHB
        >>> space, backend = MyWorker.get_configspace(), ProcessBackend(MyWorker, n_workers=2)
        >>> with BOHB(space, min_budget=1, max_budget=9, backend=backend) as bohb:
        ...     result = bohb.run(n_iterations=1)
        >>> len(result.get_all_runs())
        13
    """

    def __init__(
        self,
        worker_class: Callable[..., Any],
        n_workers: int = 4,
        worker_kwargs: Mapping[str, Any] | None = None,
        working_directory: str | os.PathLike[str] = ".",
        devices: Sequence[str] | None = None,
    ) -> None:
        if not isinstance(worker_kwargs, Mapping | None):
            raise InvalidArgumentError(
                "worker_kwargs", worker_kwargs, "must be a dict", "give the class's arguments by their names"
            )
        self.factory = WorkerFactory(worker_class, dict(worker_kwargs or {}))
        self.n_workers = check_whole("n_workers", n_workers, 1, "4 is the default")
        self.working_directory = os.fspath(working_directory)
        self._environments = [_environment(devices, number) for number in range(self.n_workers)]
        self._workers: dict[str, _Worker] = {}
        self._num_lost = 0
        self._error: BaseException | None = None

    def start(self, clock: Clock) -> None:
        """Launch the processes; each joins when it has built its worker.

        Raises:
            InvalidArgumentError: the class or its arguments cannot be pickled; or this is such a process itself.
        """
        refuse_to_run_in_a_child(
            "backend", "ProcessBackend(...)", "makes processes import this script, which begins a run as soon as it is "
            "imported",
        )  # fmt: skip
        self._clock = clock
        self._happenings = Happenings(clock)
        self._num_lost, self._error = 0, None
        self._workers = {
            name: _Worker(name, Evaluator(self.factory, isolate=True, environment=environment), self._happenings)
            for name, environment in ((f"process_{i}", each) for i, each in enumerate(self._environments))
        }
        try:
            for worker in self._workers.values():
                worker.start()
        except BaseException:
            self.close(shutdown_workers=True)
            raise

    def submit(self, start: StartJob, job: Job, context: Context = NO_CONTEXT) -> None:
        if call := self._happenings.call_for(start, job, context, self.working_directory):
            self._workers[start.worker].submit(start, call)

    def next_event(self, timeout: float) -> Happening | None:
        """The next happening, or None.

        Raises:
            InvalidArgumentError: a worker cannot be built, which would be so in all processes; or none is left, since
                they could not be replaced.
        """
        happening = None if self._error else self._happenings.next(timeout)
        if isinstance(happening, WorkerLost):
            worker = self._workers[happening.worker]
            self._num_lost += 1
            if self._num_lost == self.n_workers or not worker.has_joined:
                self._error = worker.error
        if self._error is not None:
            raise self._error
        return happening

    def acknowledge(self, happening: Happening) -> None:
        """Nobody waits for that here."""

    def close(self, shutdown_workers: bool) -> None:
        """End the processes, and what runs in them."""
        for worker in self._workers.values():
            worker.stop()
        for worker in self._workers.values():
            worker.join()
        if self._error is not None:  # which has been raised; the others are of the same kind
            self._error, self._happenings = None, Happenings(self._clock)


def _environment(devices: Sequence[str] | None, number: int) -> dict[str, str]:
    return {} if devices is None else {VISIBLE_DEVICES: visible_devices(device_of(devices, number), os.environ)}


class _Worker:
    """A process, and the thread that waits for it; used by the loop's thread.

    Attributes:
        has_joined: whether its process had imported the program and built the worker, once.
        error: why it works no more.
    """

    def __init__(self, name: str, evaluator: Evaluator, happenings: Happenings) -> None:
        self.name = name
        self.has_joined = False
        self.error: BaseException | None = None
        self._evaluator = evaluator
        self._happenings = happenings
        self._orders: SimpleQueue[tuple[StartJob, Call] | None] = SimpleQueue()
        self._is_idle = False
        self._is_stopped = False
        self._thread = threading.Thread(target=self._work, name=f"hpbandster-{name}", daemon=True)

    def start(self) -> None:
        self._evaluator.start()
        self._thread.start()

    def submit(self, start: StartJob, call: Call) -> None:
        self._is_idle = False
        self._orders.put((start, call))

    def stop(self) -> None:
        """End, at once if it does something; an idle process ends by itself."""
        self._is_stopped = True
        self._orders.put(None)
        if not self._is_idle:
            self._evaluator.abandon()

    def join(self) -> None:
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        try:
            self._evaluator.wait_until_ready()
            self.has_joined = self._is_idle = True
            self._happenings.report(lambda at: WorkerJoined(at, self.name))
            while (order := self._orders.get()) is not None:
                start, call = order
                outcome = self._evaluator.evaluate(call, start.time_limit)
                self._is_idle = True  # before the loop can submit the next
                self._happenings.finish(start, outcome)
        except BaseException as error:  # noqa: BLE001 - raised in the loop's thread, unless others go on
            self.error, reason = error, str(error)
            if not self._is_stopped:
                self._happenings.report(lambda at: WorkerLost(at, self.name, reason))
        finally:
            self._evaluator.close()
