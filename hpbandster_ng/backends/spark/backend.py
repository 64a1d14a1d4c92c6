"""A Spark cluster as the backend of a run."""

from __future__ import annotations

import itertools
import logging
import math
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from hpbandster_ng.backends.base import NO_CONTEXT, Clock, Context
from hpbandster_ng.backends.factory import WorkerFactory
from hpbandster_ng.backends.happenings import Happenings
from hpbandster_ng.backends.spark.cluster import Cluster, checked
from hpbandster_ng.backends.spark.worker import Farewell, SparkWorker, end
from hpbandster_ng.engine.checks import check_number, check_whole
from hpbandster_ng.engine.events import Happening, StartJob, TimeUp
from hpbandster_ng.engine.records import Job

__all__ = ["SparkBackend"]

_MOST_UNASKED = 128
"""So many evaluations run at a time without having been asked for, at most."""

_LOOK_INTERVAL = 1.0
"""Seconds between two looks at the executors."""

_LOOKS_UNTIL_ALL_ARE_THERE = 5
"""At executors; those of a cluster that has just been started come one by one."""

_logger = logging.getLogger("hpbandster_ng")


class SparkBackend:
    """Computes on the executors of a Spark cluster; the optimizer runs where the driver does.

    Each evaluation is a job with a single task, in a job group of its own, so Spark's interface shows and cancels it.
    It runs in a child of Spark's Python process, which builds the worker once and is kept for a minute between two
    evaluations. Spark's own tries are not used: what computed a task is lost, and the run tries it again.

    Args:
        spark: a ``SparkSession`` whose driver is this process; it is never stopped here.
        worker_class: a subclass of :class:`~hpbandster_ng.core.worker.Worker`, or another one whose objects have
            ``compute``. It may be defined in a notebook.
        parallelism: how many evaluations run at a time; by default as many as there are executors, up to 128, and this
            follows when executors come or go.
        timeout: seconds from the start of the run. Then evaluations that run are cancelled, and the run ends with what
            is done. None means no limit.
        worker_kwargs: arguments of the class, which can be pickled; sent once to each executor. The ``run_id`` of a
            ``Worker`` need not be among them; it is ``"run"`` then.
        working_directory: of the run, on every executor; ``compute`` gets a directory in it, its configuration's own.
            A relative one lies in the directory in which the executor runs.

    Raises:
        InvalidArgumentError: names the parameter; a session of Spark Connect is refused.

    Example::

        backend = SparkBackend(spark, MyWorker, worker_kwargs={"data": "/dbfs/train.csv"}, timeout=3600)
        with BOHB(space, min_budget=1, max_budget=27, backend=backend) as bohb:
            result = bohb.run(n_iterations=8)
    """

    def __init__(
        self,
        spark: Any,
        worker_class: Callable[..., Any],
        parallelism: int | None = None,
        timeout: float | None = None,
        worker_kwargs: Mapping[str, Any] | None = None,
        working_directory: str | os.PathLike[str] = ".",
    ) -> None:
        self.spark = checked(spark)
        self.factory = WorkerFactory(worker_class, dict(worker_kwargs or {}))
        self.parallelism = parallelism
        if parallelism is not None:
            self.parallelism = check_whole("parallelism", parallelism, 1, "None takes as many as there are executors")
        self.timeout = timeout
        if timeout is not None:
            self.timeout = check_number("timeout", timeout, "None means no limit", positive=True)
        self.working_directory = os.fspath(working_directory)
        self._workers: dict[str, SparkWorker] = {}
        self._cluster: Cluster | None = None
        self._error: BaseException | None = None

    def start(self, clock: Clock) -> None:
        """Send the class to the cluster; as many workers join as there are executors, or as were asked for.

        Raises:
            InvalidArgumentError: the session is stopped, or the class or its arguments cannot be pickled.
        """
        self._cluster = Cluster(self.spark, self.factory)
        self._clock = clock
        self._happenings = Happenings(clock)
        self._deadline = math.inf if self.timeout is None else clock() + self.timeout
        self._workers, self._numbers, self._num_looks = {}, itertools.count(), 0
        self._is_closed = threading.Event()
        self._watch = self._cluster.thread(self._look_on, "hpbandster-spark-executors")
        self._watch.start()

    def submit(self, start: StartJob, job: Job, context: Context = NO_CONTEXT) -> None:
        if call := self._happenings.call_for(start, job, context, self.working_directory):
            self._workers[start.worker].submit(start, call)

    def next_event(self, timeout: float) -> Happening | None:
        """The next happening, or None.

        Raises:
            InvalidArgumentError: the first evaluation finds that the class cannot be built on an executor, or that
                nothing can be evaluated there; or no worker is left for such a reason.
            CommunicationError: the session was stopped.
        """
        happening = self._happenings.next(0.0 if self._error else timeout)
        if happening is None and self._error is not None:
            raise self._error
        return happening

    def acknowledge(self, happening: Happening) -> None:
        """Nobody waits for that here."""

    def close(self, shutdown_workers: bool) -> None:
        """Cancel what runs; Spark kills it within a few seconds."""
        if self._cluster is None:
            return
        self._is_closed.set()
        self._watch.join()
        end(self._workers.values(), None)
        self._cluster.close()
        self._cluster, self._error = None, None

    def _look_on(self) -> None:
        """Follow the executors and the time."""
        assert self._cluster is not None
        try:
            while self._clock() < self._deadline:
                self._adapt(self._cluster.num_executors)
                if self._is_closed.wait(max(0.0, min(_LOOK_INTERVAL, self._deadline - self._clock()))):
                    return
            end(self._workers.values(), Farewell(f"timeout={self.timeout:g} seconds are over", handed_back=True))
            self._happenings.report(TimeUp)
        except Exception as error:  # noqa: BLE001 - raised in the loop's thread
            self._error = self._cluster.why_stopped or error

    def _adapt(self, num_executors: int) -> None:
        assert self._cluster is not None
        wanted = _num_wanted(self.parallelism, num_executors, self._cluster.brings_executors)
        present = [worker for worker in self._workers.values() if worker.farewell is None]
        for _ in range(wanted - len(present)):
            name = f"spark_{next(self._numbers)}"
            self._workers[name] = worker = SparkWorker(name, self._cluster, self._happenings, self._give_up)
            worker.start()
        if not wanted:
            end(present, Farewell("no executor is left", handed_back=False))
        for worker in present[wanted:]:
            worker.leave(Farewell("there are fewer executors than before", handed_back=True))
        self._warn_of_waiting(num_executors)

    def _warn_of_waiting(self, num_executors: int) -> None:
        assert self._cluster is not None
        self._num_looks += num_executors > 0
        if self.parallelism is None or self._num_looks != _LOOKS_UNTIL_ALL_ARE_THERE or self._cluster.brings_executors:
            return
        at_once = self._cluster.num_tasks_at_once
        if self.parallelism > at_once:
            _logger.warning(
                "parallelism=%d, but the %d executors of this Spark session run %d tasks at a time; the others wait",
                self.parallelism, num_executors, at_once,
            )  # fmt: skip

    def _give_up(self, error: BaseException) -> None:
        """A worker has ended by an error: the run does, too, if nobody has computed yet, or nobody else is left."""
        assert self._cluster is not None
        if not self._cluster.has_computed or all(worker.has_ended for worker in list(self._workers.values())):
            self._error = error


def _num_wanted(parallelism: int | None, num_executors: int, brings_executors: bool) -> int:
    """How many workers there should be.

    Args:
        brings_executors: whether Spark brings some when jobs wait.

    Example:
        >>> _num_wanted(None, 3, False), _num_wanted(None, 1000, False), _num_wanted(1000, 3, False)
        (3, 128, 1000)
        >>> _num_wanted(8, 0, False), _num_wanted(8, 0, True), _num_wanted(None, 0, True)
        (0, 8, 1)
    """
    if not num_executors and not brings_executors:
        return 0
    return parallelism or max(1, min(num_executors, _MOST_UNASKED))
