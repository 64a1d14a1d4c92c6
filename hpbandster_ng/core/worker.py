"""The user's side: a problem to be optimised is a subclass of :class:`Worker`."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from hpbandster_ng.backends.devices import VISIBLE_DEVICES, device_of, visible_devices
from hpbandster_ng.backends.evaluation import Call
from hpbandster_ng.backends.evaluator import Evaluator
from hpbandster_ng.backends.isolation import refuse_to_run_in_a_child
from hpbandster_ng.backends.pyro.access import Access, warn_of_insecurity
from hpbandster_ng.backends.pyro.client import DeskClient
from hpbandster_ng.backends.pyro.credentials import (
    check_run_id,
    check_shared_directory,
    credentials_path,
    read_credentials,
)
from hpbandster_ng.backends.pyro.nameserver import check_port
from hpbandster_ng.backends.pyro.settings import LOST_AFTER, MAX_MESSAGE_BYTES, check_max_message_bytes
from hpbandster_ng.backends.pyro.wire import Order
from hpbandster_ng.core.termination import ended_by_signals, send_to_main_thread
from hpbandster_ng.engine.checks import check_seconds
from hpbandster_ng.engine.records import Config, ConfigId, Outcome
from hpbandster_ng.errors import (
    CredentialsError,
    HpbandsterError,
    InvalidArgumentError,
    LogError,
    NameServerError,
    WorkerRefusedError,
)

__all__ = ["Worker"]

_GRACE = 15.0
"""Seconds in which a job may end after the first signal; Slurm kills 30 seconds after it, by default."""

_at_work: set[str] = set()
_at_work_lock = threading.Lock()
"""Which workers of this process are at work, so that two of the same name are found out at once."""


def _reserve(worker_id: str) -> None:
    with _at_work_lock:
        if worker_id in _at_work:
            raise InvalidArgumentError(
                "id",
                worker_id,
                "names a worker of this process that is already at work",
                "give each worker its own id, for example id=0, id=1, ...",
            )
        _at_work.add(worker_id)


def _release(worker_id: str) -> None:
    with _at_work_lock:
        _at_work.discard(worker_id)


class Worker:
    """Evaluates configurations for a run; override :meth:`compute`.

    A worker may start before the master, join late and leave at any time. It asks the master for jobs, so it needs no
    open port.

    Args:
        run_id: the run to work for.
        nameserver: host of the nameserver; 127.0.0.1 by default.
        nameserver_port: port of the nameserver; 9090 by default.
        logger: where to log; the logger ``hpbandster_ng`` by default.
        host: by which name of this machine the worker is called; its host name by default.
        id: tells several workers of one process apart.
        timeout: seconds without a job after which the worker ends by itself, counted from its start; None for never.
        isolate: compute in a child process, which a crash costs in place of the worker. The worker is pickled for it,
            and the program imported anew, so a script must do its work below ``if __name__ == "__main__":``. A job with
            a time limit is computed there in any case.
        devices: such as ``["cuda:0", "cuda:1"]``; the worker with ``id=i`` has the i-th (of more workers, some share).
            Its child process sees no other: ``CUDA_VISIBLE_DEVICES`` is set before anything is imported. ``"cuda:1"``
            is the second of those that the worker itself sees. Implies ``isolate``.
        insecure: whether the nameserver was started with ``insecure=True``, and the run is open to everybody.
        max_message_bytes: what one result may weigh, as text; a larger one counts as failed. The master has the same
            limit.
        lost_after: seconds for which the worker looks for a nameserver that it has lost, before it ends; a ``timeout``
            is the limit for that, too.

    Attributes:
        worker_id: the name under which the worker works, unique in its run.
        device: its entry of ``devices``, or None. In ``compute`` it is the only one to be seen, so that PyTorch, for
            example, calls it ``cuda:0`` there.

    Raises:
        InvalidArgumentError: the run_id has a slash, the port is no port, the timeout is not positive, or the devices
            do not fit.

    Example:
        >>> class MyWorker(Worker):
        ...     def compute(self, config, budget, **kwargs):
        ...         return {"loss": config["x"] / budget, "info": {}}
        >>> MyWorker(run_id="example").compute(config={"x": 0.5}, budget=2)
        {'loss': 0.25, 'info': {}}
    """

    def __init__(
        self,
        run_id: Any,
        nameserver: str | None = None,
        nameserver_port: int | None = None,
        logger: logging.Logger | None = None,
        host: str | None = None,
        id: Any = None,  # noqa: A002 - the predecessor's name
        timeout: float | None = None,
        isolate: bool = False,
        devices: Sequence[str] | None = None,
        insecure: bool = False,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        lost_after: float = LOST_AFTER,
    ) -> None:
        self.run_id = check_run_id(run_id)
        self.nameserver = nameserver
        self.nameserver_port = check_port(nameserver_port, "nameserver_port")
        self.logger = logger or logging.getLogger("hpbandster_ng")
        self.host = host
        self.timeout = None if timeout is None else check_seconds("timeout", timeout)
        self.lost_after = check_seconds("lost_after", lost_after)
        self.device = None if devices is None else device_of(devices, id)
        self.isolate = isolate or self.device is not None
        self._environment = {} if self.device is None else {VISIBLE_DEVICES: visible_devices(self.device, os.environ)}
        self.insecure = insecure
        self.max_message_bytes = check_max_message_bytes(max_message_bytes)
        suffix = "" if id is None else f".{id}"
        self.worker_id = f"hpbandster.run_{self.run_id}.worker.{host or socket.gethostname()}.{os.getpid()}{suffix}"
        self._credentials_path: Any = None
        self._client: DeskClient | None = None
        self._thread: threading.Thread | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What a child process gets: all but what works for the run in this process."""
        return {**self.__dict__, "_client": None, "_thread": None}

    def compute(self, config_id: ConfigId, config: Config, budget: float, working_directory: str) -> Mapping[str, Any]:
        """Evaluate a configuration; all arguments come as keywords.

        Args:
            config_id: the configuration's id; the same for each of its budgets, so that training can be continued.
            config: plain Python values by hyperparameter name; inactive ones are absent.
            budget: how much to spend, in the unit of ``min_budget`` and ``max_budget``.
            working_directory: a directory for the files of this configuration, the same for each of its budgets, and no
                other's. It is there when this is called, and removed afterwards if nothing was put into it.

        An implementation that takes ``previous_budget``, by name or by ``**kwargs``, gets that as well: the largest
        budget that this configuration has succeeded on, or None.

        Returns:
            ``{"loss": number to be minimised, "info": anything made of plain Python or numpy}``. Whatever is raised
            here is recorded as this run's failure.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement compute(config_id, config, budget, ...)")

    def load_nameserver_credentials(
        self, working_directory: str | os.PathLike[str], num_tries: int = 60, interval: float = 1
    ) -> None:
        """Wait for the file that the nameserver of this run writes, and use the address and the secret in it.

        Args:
            working_directory: the directory that the run's processes share.
            num_tries: how often to look.
            interval: seconds between two looks.

        Raises:
            InvalidArgumentError: the directory is missing.
            NameServerError: the file did not appear in time.
            WorkerRefusedError: it is another user's.
            LogError: it is none that a nameserver writes.
        """
        path = credentials_path(check_shared_directory(working_directory), self.run_id)
        for attempt in range(num_tries):
            if attempt:
                time.sleep(interval)
            try:
                self.nameserver, self.nameserver_port = read_credentials(path)
            except FileNotFoundError:
                continue
            except CredentialsError as error:
                raise self._refused(error) from error
            self._credentials_path = path
            return
        raise NameServerError(
            f"no credentials file {path} after num_tries={num_tries} looks, interval={interval} s apart; start the "
            "nameserver with the same run_id and working_directory, or wait longer"
        )

    def new_evaluator(self) -> Evaluator:
        """What calls :meth:`compute`, in this process or in a child, as a run has it."""
        return Evaluator(self.compute, self.isolate, self._environment)

    def run(self, background: bool = False) -> None:
        """Work until the master sends the worker home, or it was idle for ``timeout`` seconds.

        In the main thread, SIGTERM, SIGUSR1 and SIGUSR2, which clusters send before they kill, end it: a job in a child
        process is handed back at once, one in this process if it has not ended after 15 seconds. Ctrl-C hands the job
        back at once and is raised from here. A second Ctrl-C or signal waits for nothing.

        Args:
            background: work in a daemon thread and return at once.

        Raises:
            NameServerError: no nameserver answers.
            WorkerRefusedError: the nameserver is another run's, or the credentials are stale. Not caught, it ends the
                process with exit code 2.
            InvalidArgumentError: another worker of this process has the same id, or this one is at work; or it is to
                compute in a child process and cannot be pickled for it.
            WorkerExistsError: another worker of the same name works for the run.
        """
        refuse_to_run_in_a_child(
            "isolate", True, "(as devices do, and a job_timeout of the run) makes a child process import this script, "
            "which runs a worker as soon as it is imported",
        )  # fmt: skip
        if self.insecure:
            warn_of_insecurity()
        try:
            self._run(background)
        except CredentialsError as error:
            raise self._refused(error) from error

    def _run(self, background: bool) -> None:
        evaluator = self.new_evaluator()
        client = self._new_client(evaluator)
        _reserve(self.worker_id)
        if background:
            self._start_thread(client, evaluator)
            return
        try:
            may_finish = partial(_may_finish, client, evaluator)
            with ended_by_signals(may_finish, self.logger, f"worker {self.worker_id}"):
                self._connect(client, evaluator)
                self._work(client, evaluator)
        finally:
            _release(self.worker_id)

    def _start_thread(self, client: DeskClient, evaluator: Evaluator) -> None:
        try:
            self._connect(client, evaluator)
        except BaseException:
            _release(self.worker_id)
            raise
        self._thread = threading.Thread(
            target=self._work_in_background, args=(client, evaluator), name=f"hpbandster-{self.worker_id}", daemon=True
        )
        self._thread.start()

    def _connect(self, client: DeskClient, evaluator: Evaluator) -> None:
        client.connect()
        evaluator.start()
        self._client = client

    def _work_in_background(self, client: DeskClient, evaluator: Evaluator) -> None:
        try:
            self._work(client, evaluator)
        except HpbandsterError as error:
            self._log_end(error)
        finally:
            _release(self.worker_id)

    def _refused(self, error: CredentialsError) -> WorkerRefusedError:
        self._log_end(error)
        return WorkerRefusedError(str(error))

    def _log_end(self, error: HpbandsterError) -> None:
        self.logger.error("worker %s ends: %s", self.worker_id, error)

    def _work(self, client: DeskClient, evaluator: Evaluator) -> None:
        try:
            evaluator.wait_until_ready()
            client.run()
        finally:
            evaluator.close()

    def shutdown(self) -> None:
        """End after the job in hand; returns when the background thread has ended."""
        if self._client is not None:
            self._client.stop()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _new_client(self, evaluator: Evaluator) -> DeskClient:
        directory = None if self._credentials_path is None else self._credentials_path.parent
        return DeskClient(
            self.run_id,
            self.worker_id,
            self._locate,
            lambda order: self._evaluate(evaluator, order),
            self.timeout,
            self.logger,
            Access(self.run_id, directory, self.insecure),
            self.max_message_bytes,
            self.lost_after,
        )

    def _locate(self) -> tuple[str | None, int | None]:
        """Where the nameserver is; a credentials file is read anew, since a restarted run writes another one."""
        if self._credentials_path is not None:
            try:
                return read_credentials(self._credentials_path)
            except (FileNotFoundError, LogError):
                pass
        return self.nameserver, self.nameserver_port

    def _evaluate(self, evaluator: Evaluator, order: Order) -> Outcome:
        attempt = order.attempt
        self.logger.info("worker %s starts %s on budget %g", self.worker_id, attempt.config_id, attempt.budget)
        directory, previous = order.working_directory, order.previous_budget
        call = Call(attempt.config_id, order.config, attempt.budget, directory, previous, order.context)
        outcome = evaluator.evaluate(call, order.time_limit)
        self.logger.info(
            "worker %s: %s on budget %g %s", self.worker_id, attempt.config_id, attempt.budget, outcome.state.value
        )
        return outcome


def _may_finish(client: DeskClient, evaluator: Evaluator, number: int) -> bool:
    """Whether a job that is computed in this thread may go on for a while; in any case no other begins."""
    client.end_within(_GRACE, lambda: send_to_main_thread(number))
    return evaluator.is_computing_here
