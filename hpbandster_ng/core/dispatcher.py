"""Jobs for the workers of a run, by hand and without any optimizer."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from hpbandster_ng.backends.pyro.backend import PyroBackend
from hpbandster_ng.backends.pyro.credentials import check_run_id
from hpbandster_ng.engine import records
from hpbandster_ng.engine.events import Event, QueueJob, RunCancelled
from hpbandster_ng.engine.plain import plain
from hpbandster_ng.engine.pool import Pool
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.runtime.loop import wall_clock

__all__ = ["Dispatcher", "Job"]

_POLL = 0.05


class Job:
    """A job and what came of it.

    Args:
        id: the configuration's id.
        **kwargs: ``config``, ``budget`` and ``working_directory``.

    Attributes:
        timestamps: ``submitted``, ``started`` and ``finished`` in unix seconds.
        result: ``{"loss", "info"}``, or None.
        exception: the traceback of a failure, or None.
        worker_name: who evaluated it, or None.

    Example:
        >>> job = Job((0, 0, 0), config={"x": 1}, budget=9)
        >>> job.time_it("submitted")
        >>> sorted(job.timestamps)
        ['submitted']
    """

    def __init__(self, id: Any, **kwargs: Any) -> None:  # noqa: A002 - the predecessor's name
        self.id = id
        self.kwargs = kwargs
        self.timestamps: dict[str, float] = {}
        self.result: dict[str, Any] | None = None
        self.exception: str | None = None
        self.worker_name: str | None = None

    def time_it(self, which: str) -> None:
        """Note the time of a step of the job's life."""
        self.timestamps[which] = time.time()


class Dispatcher:
    """Hands jobs to workers and results to a callback; jobs of lost workers are started again.

    Args:
        new_result_callback: called with each :class:`Job` that has ended, in the thread of :meth:`run`; what it raises
            is logged.
        run_id: workers of this run_id are served.
        ping_interval: seconds; a worker that is silent for three of these is lost.
        nameserver, nameserver_port: where the nameserver listens.
        host: address of this machine on which workers reach the dispatcher.
        logger: where to log; the logger ``hpbandster_ng`` by default.
        queue_callback: called with the number of workers whenever it has changed; what it raises is logged.
        insecure: whether the nameserver was started with ``insecure=True``, and the run is open to everybody.

    Raises:
        InvalidArgumentError: the run_id has a slash, or ``nameserver_port`` is no port.
    """

    def __init__(
        self,
        new_result_callback: Callable[[Job], Any],
        run_id: Any = "0",
        ping_interval: float = 10,
        nameserver: str | None = "localhost",
        nameserver_port: int | None = None,
        host: str | None = None,
        logger: logging.Logger | None = None,
        queue_callback: Callable[[int], Any] | None = None,
        insecure: bool = False,
    ) -> None:
        self.run_id = check_run_id(run_id)
        self.new_result_callback = new_result_callback
        self.queue_callback = queue_callback
        self.logger = logger or logging.getLogger("hpbandster_ng")
        self._backend = PyroBackend(
            self.run_id, nameserver, nameserver_port, host, ping_interval=ping_interval, insecure=insecure
        )
        self._clock = wall_clock()
        self._pool = Pool()
        self._jobs: dict[records.JobKey, Job] = {}
        self._jobs_lock = threading.Lock()
        self._submitted: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._shutdown_workers = False

    def run(self) -> None:
        """Serve until :meth:`shutdown` is called from another thread.

        Raises:
            CommunicationError: there is no nameserver, or another master of this run_id.
        """
        self._backend.start(self._clock)
        try:
            while not self._stop.is_set():
                self._take_submitted()
                happening = self._backend.next_event(_POLL)
                if happening is not None:
                    self._handle(happening)
                    self._backend.acknowledge(happening)
            self._take_submitted()
            self._handle(RunCancelled(self._clock(), "the dispatcher was shut down"))
        finally:
            self._backend.close(self._shutdown_workers)

    def submit_job(self, id: Any, **kwargs: Any) -> None:  # noqa: A002 - the predecessor's name
        """Queue a job; from any thread.

        Args:
            **kwargs: ``config``, ``budget``, and ``working_directory`` where ``compute`` needs one.

        Raises:
            InvalidArgumentError: ``config`` or ``budget`` is missing, or the same job has not ended yet.
            NotPlainError: the configuration cannot be sent.
        """
        for name in ("config", "budget"):
            if name not in kwargs:
                raise InvalidArgumentError(name, None, "is what every job needs", "pass it as a keyword")
        values = {name: plain(value, name) for name, value in kwargs.items()}
        job = Job(id, **values)
        with self._jobs_lock:
            if self._jobs.setdefault((id, values["budget"]), job) is not job:
                raise InvalidArgumentError(
                    "id", id, f"is at work on budget={values['budget']} already", "wait for its callback, or rename it"
                )
        job.time_it("submitted")
        self._submitted.put(job)

    def number_of_workers(self) -> int:
        return len(self._pool.workers)

    def shutdown_all_workers(self, rediscover: bool = False) -> None:
        """Send every worker home when the dispatcher shuts down.

        Args:
            rediscover: kept for old scripts; workers report by themselves.
        """
        self._shutdown_workers = True

    def shutdown(self, shutdown_workers: bool = False) -> None:
        """End :meth:`run`; jobs that have not ended are cancelled."""
        self._shutdown_workers = self._shutdown_workers or shutdown_workers
        self._stop.set()

    def _take_submitted(self) -> None:
        while not self._submitted.empty():
            job = self._submitted.get()
            record = records.Job(job.id, job.kwargs["budget"], job.kwargs["config"], {})
            self._handle(QueueJob(self._clock(), record))

    def _handle(self, event: Event) -> None:
        before = len(self._pool.workers)
        self._pool.apply(event)
        while ending := self._pool.next_ending(self._clock()):
            self._pool.apply(ending)
            with self._jobs_lock:
                job = self._jobs.pop(ending.key)
            self._finish(job, ending.report)
        while start := self._pool.next_start(self._clock()):
            self._pool.apply(start)
            directory = self._jobs[start.key].kwargs.get("working_directory", ".")
            self._backend.submit(start, self._pool.tasks[start.key].job, working_directory=directory)
        if self.queue_callback is not None and len(self._pool.workers) != before:
            self._tell(self.queue_callback, len(self._pool.workers))

    def _finish(self, job: Job, report: records.JobReport) -> None:
        job.timestamps.update(report.timestamps)
        job.result, job.exception, job.worker_name = report.result, report.exception, report.worker_name
        self._tell(self.new_result_callback, job)

    def _tell(self, callback: Callable[[Any], Any], about: Any) -> None:
        try:
            callback(about)
        except Exception:  # the other jobs must not pay for it
            self.logger.exception("callback %r raised", callback)
