"""The optimizer's side: a run, from its first bracket to its result."""

from __future__ import annotations

import contextlib
import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from hpbandster_ng.backends.base import Backend, Clock
from hpbandster_ng.backends.factory import UNNAMED
from hpbandster_ng.backends.pyro.backend import PyroBackend
from hpbandster_ng.backends.pyro.credentials import check_run_id
from hpbandster_ng.backends.pyro.settings import MAX_MESSAGE_BYTES
from hpbandster_ng.core.base_iteration import WarmStartIteration
from hpbandster_ng.core.result import Result
from hpbandster_ng.core.result_logging import claim_log, start_log
from hpbandster_ng.core.resumption import check_same, described, recorded_description
from hpbandster_ng.core.termination import ended_by_signals
from hpbandster_ng.engine.checks import check_number, check_seconds, check_whole
from hpbandster_ng.engine.config_generator import ConfigGenerator
from hpbandster_ng.engine.events import Event, RunDescribed, RunRequested
from hpbandster_ng.engine.plain import plain
from hpbandster_ng.engine.planner import Planner
from hpbandster_ng.engine.pool import Pool
from hpbandster_ng.engine.records import Config, ConfigId
from hpbandster_ng.engine.schedule import BudgetPlan, Plan
from hpbandster_ng.engine.steps import AnyIteration
from hpbandster_ng.engine.time_limit import JobTimeout
from hpbandster_ng.errors import IllegalTransitionError, InvalidArgumentError
from hpbandster_ng.runtime.loop import Loop, wall_clock
from hpbandster_ng.runtime.observers import EliminationObserver, Observer, ResultLoggerObserver
from hpbandster_ng.runtime.own_storage import OwnStorage
from hpbandster_ng.runtime.run_log import RunLog
from hpbandster_ng.storage.base import Storage
from hpbandster_ng.storage.urls import storage_of
from hpbandster_ng.terminal import progressbar

__all__ = ["Master"]

_Self = TypeVar("_Self", bound="Master")


class Master:
    """Runs brackets of jobs on the workers of a run; every optimizer is a subclass.

    A subclass passes a config generator, adds its settings to :attr:`config` and implements
    :meth:`get_next_iteration`. The constructor only stores; the nameserver is contacted by :meth:`run`. As a context
    manager, the master shuts itself down.

    Args:
        run_id: the run's name; its workers and nameserver have the same. None will do where there is a ``backend`` and
            no ``storage``, since nobody then finds the run by its name.
        config_generator: proposes configurations and learns from results.
        working_directory: of the run, made if need be; ``compute`` gets a directory in it, its configuration's own. A
            credentials file of the run is looked for here, too.
        ping_interval: seconds; a worker that is silent for three of these is lost, and its job starts elsewhere.
        nameserver, nameserver_port: where the nameserver listens; port 9090 by default.
        host: address of this machine on which workers reach the master; ``localhost`` by default.
        shutdown_workers: whether leaving a ``with`` block sends the workers home.
        job_queue_sizes: ``(low, high)``: see :class:`~hpbandster_ng.engine.pool.Pool`.
        dynamic_queue_size: whether both count relative to the number of workers.
        logger: where to log; the logger ``hpbandster_ng`` by default.
        result_logger: has ``new_config(config_id, config, config_info)`` and ``__call__(job)``.
        previous_result: a result whose runs the config generator learns from first.
        seed: makes the sequence of configurations reproducible; drawn from the operating system by default.
        observers: callables that see every event of the run's log; one that raises harms nobody.
        initial_configs: configurations that run before any is drawn, in this order.
        worker_timeout: seconds without enough workers after which :meth:`run` raises.
        storage: keeps the run's log, so that the same script, started again, goes on where this one ended or died:
            ``"journal:run/"``, ``"sqlite:///run.db"``, ``"postgresql://..."``, ``"mongodb://..."`` or an object; see
            :func:`~hpbandster_ng.storage.urls.storage_of`. By default it is kept nowhere.
        backend: runs the jobs; workers over Pyro4 by default.
        clock: tells the time in unix seconds; steady and real by default, virtual in a simulation.
        job_timeout: seconds that an evaluation may take, or a function of the budget that returns them; then its worker
            kills it, and it counts as failed. Workers compute in a child process where there is a limit.
        max_attempts: so many losses of its worker become a job's outcome.
        on_eliminated: called as ``on_eliminated(config_id, directory)``, in the thread of :meth:`run`, once for each
            configuration that will never run again, unless it went all the way; so its directory can be deleted.
        insecure: whether the nameserver was started with ``insecure=True``, and the run is open to everybody.
        max_message_bytes: what one result may weigh, as text; give the workers the same.
        show_progressbar: whether :class:`~hpbandster_ng.terminal.progress.ProgressBar` shows how far the run is.

    Attributes:
        config: the settings of the run, copied into the result.
        iterations: every bracket begun so far.
        warmstart_iteration: the bracket of ``previous_result``, in a list; empty without.

    Raises:
        InvalidArgumentError: names the parameter.

    Example:
        >>> Master("mine", ConfigGenerator(), seed=1).config
        {'time_ref': None, 'seed': 1}
    """

    _iteration_kwargs: Mapping[str, Any] = MappingProxyType({})
    _loop: Loop | None = None
    _is_spoilt = False
    _has_told = False

    def __init__(
        self,
        run_id: Any,
        config_generator: ConfigGenerator,
        working_directory: str | os.PathLike[str] = ".",
        ping_interval: float = 60,
        nameserver: str | None = "127.0.0.1",
        nameserver_port: int | None = None,
        host: str | None = None,
        shutdown_workers: bool = True,
        job_queue_sizes: tuple[int, int] = (-1, 0),
        dynamic_queue_size: bool = True,
        logger: logging.Logger | None = None,
        result_logger: Any = None,
        previous_result: Result | None = None,
        seed: int | None = None,
        observers: Sequence[Observer] = (),
        initial_configs: Sequence[Config] = (),
        worker_timeout: float = 600,
        storage: Storage | str | None = None,
        backend: Backend | None = None,
        clock: Clock | None = None,
        job_timeout: JobTimeout = None,
        max_attempts: int = 3,
        on_eliminated: Callable[[ConfigId, str], Any] | None = None,
        insecure: bool = False,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        show_progressbar: bool = True,
    ) -> None:
        self.run_id = _run_id(run_id, is_found_by_name=backend is None or storage is not None)
        check_seconds("ping_interval", ping_interval)
        self.config_generator = config_generator
        self.working_directory, self.shutdown_workers = os.fspath(working_directory), shutdown_workers
        self.logger = logger or logging.getLogger("hpbandster_ng")
        self.result_logger = result_logger
        self.seed = _seed(seed)
        self._chosen_seed = None if seed is None else self.seed
        self.observers = list(observers)
        self.initial_configs = [plain(config, f"initial_configs[{i}]") for i, config in enumerate(initial_configs)]
        self.worker_timeout = check_seconds("worker_timeout", worker_timeout)
        self.config: dict[str, Any] = {"time_ref": None, "seed": self.seed}
        self.warmstart_iteration = _warm_start(previous_result, config_generator)
        self._pool = Pool(job_queue_sizes, dynamic_queue_size, max_attempts, job_timeout)
        self._on_eliminated, self._show_progressbar = on_eliminated, show_progressbar
        self._storage = None if storage is None else OwnStorage(storage_of(storage, self.run_id))
        addresses = (nameserver, nameserver_port, host)
        self._backend = backend or PyroBackend(
            self.run_id, *addresses, self.working_directory, ping_interval, insecure, max_message_bytes
        )
        self._clock = clock or wall_clock()

    def get_next_iteration(self, iteration: int, iteration_kwargs: Mapping[str, Any]) -> AnyIteration:
        """Make the bracket of the given number; the hook of every subclass.

        Args:
            iteration: 0 for the first.
            iteration_kwargs: what was given to :meth:`run`, for the bracket's constructor.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement get_next_iteration(iteration, ...)")

    def planned(self, first: int, n_iterations: int) -> Plan | BudgetPlan | None:
        """What so many iterations run, the first of which has that number; None if nobody knows."""

    def run(
        self,
        n_iterations: int | None = None,
        min_n_workers: int = 1,
        iteration_kwargs: Mapping[str, Any] | None = None,
        max_time: float | None = None,
        total_budget: float | None = None,
    ) -> Result:
        """Run brackets to their end, or until a limit is reached, whichever comes first; may be called again for more.

        With a storage, a script that is started again makes the same calls again, and each goes on where it was: one
        that came to its end returns at once; more iterations or a larger total budget extend the last. In the main
        thread, SIGTERM, SIGUSR1 and SIGUSR2, which clusters send some time before they kill, end this and every later
        call as ``max_time`` does, within about a second.

        Args:
            n_iterations: how many more; without it, as many as the limits allow, or 1 if there is no limit.
            min_n_workers: wait for so many workers first.
            iteration_kwargs: passed to each bracket.
            max_time: seconds from now, the wait for workers included, after which nothing new starts and this returns.
                A job that still runs then is not part of the result, and goes on if this is called again.
            total_budget: what the jobs of this call may cost, the sum of their budgets, as :meth:`plan` counts it where
                there is one. The first job that would exceed it is not started, and this returns when what runs has
                ended; brackets that are not complete go on in the next call.

        Raises:
            InvalidArgumentError: ``n_iterations`` or ``min_n_workers`` is below 1, or a limit is no positive number.
            NoWorkersError: too few workers for ``worker_timeout`` seconds.
            CommunicationError: there is no nameserver, or another master of this run_id.
            RunDiffersError: the storage holds another run, or this one with other settings.
            StorageError: the storage cannot be read or written, or another master writes there.
        """
        self._check_limits(n_iterations, max_time, total_budget)
        check_whole("min_n_workers", min_n_workers, 1, "1 is the default")
        if n_iterations is None and max_time is None and total_budget is None:
            n_iterations = 1
        loop = self._opened_loop()
        self._iteration_kwargs = dict(iteration_kwargs or {})
        with self._until_told_to_end(loop):
            deadline = math.inf if max_time is None else loop.clock() + max_time
            if not loop.has_done(n_iterations, total_budget):
                loop.wait_for_workers(int(min_n_workers), deadline)
            self._begin(loop.clock())
            loop.run(
                None if n_iterations is None else int(n_iterations),
                None if max_time is None else max(0.0, deadline - loop.clock()),
                None if total_budget is None else float(total_budget),
                iteration_kwargs,
            )
        return self.result()

    @contextlib.contextmanager
    def _until_told_to_end(self, loop: Loop) -> Iterator[None]:
        """A signal ends the block, Ctrl-C comes out of it; a script that does not catch that may never shut down."""
        self._has_told = False
        try:
            with loop.watched(), ended_by_signals(loop.stop, self.logger, f"run {self.run_id}"):
                yield
        except KeyboardInterrupt:
            self._tell_how_to_go_on()
            raise

    def _tell_how_to_go_on(self) -> None:
        if self._storage is not None and not self._has_told:
            self._has_told = True
            self.logger.warning(
                "run %s is not finished; the same script, started again, goes on from %r", self.run_id, self._storage
            )

    def _begin(self, at: float) -> None:
        """The run begins, unless it has."""
        if self.config["time_ref"] is None:
            self.config["time_ref"] = at
            configspace = getattr(self.config_generator, "configspace", None)
            start_log(self.result_logger, self.config, configspace, self.warmstart_iteration)

    def _check_limits(self, n_iterations: int | None, max_time: float | None, total_budget: float | None) -> None:
        """Refuse what :meth:`run` cannot be limited by.

        Raises:
            InvalidArgumentError: names the parameter.
        """
        if n_iterations is not None:
            check_whole("n_iterations", n_iterations, 1, "1 is the default")
        for name, value in (("max_time", max_time), ("total_budget", total_budget)):
            if value is not None:
                check_number(name, value, "None means no limit", positive=True)

    def result(self) -> Result:
        """What there is so far."""
        data = [bracket.data for bracket in [*self.iterations, *self.warmstart_iteration]]
        return Result(data, dict(self.config))

    def wait_for_workers(self, min_n_workers: int = 1) -> None:
        """Return when so many workers are there.

        Raises:
            NoWorkersError: they are not, after ``worker_timeout`` seconds.
        """
        with (loop := self._opened_loop()).watched():
            loop.wait_for_workers(min_n_workers)

    @property
    def iterations(self) -> list[AnyIteration]:
        return [] if self._loop is None else self._loop.planner.iterations

    def active_iterations(self) -> list[int]:
        """The numbers of the brackets that are not complete."""
        return [] if self._loop is None else self._loop.planner.active_iterations

    def shutdown(self, shutdown_workers: bool = False) -> None:
        """End the run; may be called twice. What has not ended is cancelled, or goes on later where there is a storage.

        Args:
            shutdown_workers: whether to send the workers home, too; otherwise they wait for another master of the
                same run_id.
        """
        if self._loop is not None:
            is_finished = self._loop.is_finished
            self._loop.close(shutdown_workers)
            if not is_finished:
                self._tell_how_to_go_on()

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.shutdown(self.shutdown_workers)

    def new_planner(self) -> Planner:
        """What decides in this run, before anything has happened; one for each master."""
        return Planner(self._make_iteration, self.config_generator, self._pool, self.seed, self.initial_configs)

    def _opened_loop(self) -> Loop:
        """The loop, which knows what the storage tells of earlier masters of this run; nothing is contacted yet."""
        if self._loop is None:
            self._loop = self._new_loop()
        return self._loop

    def _new_loop(self) -> Loop:
        if self._is_spoilt:
            raise IllegalTransitionError(
                "this optimizer failed to take up its run; make a new one with the same storage"
            )
        try:
            log = self._recorded()
            self._make_working_directory()
            planner = self.new_planner()
            observers: list[Observer] = [RunLog(self.logger), *self.observers]
            if self.result_logger is not None:
                observers.insert(0, ResultLoggerObserver(self.result_logger))
            if self._on_eliminated is not None:
                observers.append(EliminationObserver(self._on_eliminated, self._backend.working_directory))
            observers += [progressbar(self._clock)] if self._show_progressbar else []
            parts = planner, self._backend, self._storage, observers
            loop = Loop(*parts, self.worker_timeout, self._clock, self.planned)
            self._is_spoilt = True
            self._go_on(loop, log)
            self._is_spoilt = False
        except BaseException:
            if self._storage is not None:
                self._storage.close()
            raise
        return loop

    def _follow(self, event: Event) -> None:
        """The brackets of a call are made with what was given to it."""
        if isinstance(event, RunRequested):
            self._iteration_kwargs = event.iteration_kwargs

    def _recorded(self) -> list[Event]:
        """What the storage holds; the run takes its seed from there."""
        if self._storage is None:
            return []
        self._storage.open()
        log = list(self._storage.read())
        recorded = recorded_description(log, self._storage)
        if recorded is not None:
            check_same(recorded, self.run_id, self._description(), self._chosen_seed)
            self.seed = self.config["seed"] = recorded.description["seed"]
        return log

    def _go_on(self, loop: Loop, log: list[Event]) -> None:
        """Fold what is recorded, or begin the log."""
        description = {**self._description(), "seed": self.seed}
        described = log[0] if log else RunDescribed(loop.clock(), self.run_id, description)
        claim_log(self.result_logger, self.run_id, None if self._storage is None else described.at)
        if not log:
            loop.record(described)
            return
        requested = next((event.at for event in log if isinstance(event, RunRequested)), None)
        if requested is not None:
            self._begin(requested)
        loop.replay(log, self._follow)
        self.logger.info("run %s goes on from %d events in %r", self.run_id, len(log), self._storage)

    def _description(self) -> dict[str, Any]:
        num_previous = sum(len(past.data) for past in self.warmstart_iteration)
        configspace = getattr(self.config_generator, "configspace", None)
        return described(type(self).__name__, self.config, configspace, num_previous)

    def _make_working_directory(self) -> None:
        try:
            Path(self.working_directory).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidArgumentError(
                "working_directory",
                self.working_directory,
                f"must be a directory, or one that can be made ({error})",
                "choose another one",
            ) from error

    def _make_iteration(self, iteration: int) -> AnyIteration:
        return self.get_next_iteration(iteration, dict(self._iteration_kwargs))


def _warm_start(previous_result: Result | None, config_generator: ConfigGenerator) -> list[WarmStartIteration]:
    return [] if previous_result is None else [WarmStartIteration(previous_result, config_generator)]


def _run_id(run_id: Any, is_found_by_name: bool) -> str:
    return UNNAMED if run_id is None and not is_found_by_name else check_run_id(run_id)


def _seed(seed: int | None) -> int:
    if seed is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    return check_whole("seed", seed, 0, "None draws one")
