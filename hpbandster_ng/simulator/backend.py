"""Simulated workers and the clock that they live by."""

from __future__ import annotations

import heapq
import math
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from hpbandster_ng.engine.checks import check_number, check_whole
from hpbandster_ng.engine.events import Happening, JobFinished, StartJob, WorkerJoined, WorkerLost
from hpbandster_ng.engine.records import Config, ConfigId, Job, Outcome, OutcomeState
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.simulator.luck import Luck
from hpbandster_ng.simulator.workload import ORDINARY, Workload

__all__ = ["Problem", "SimulatedBackend"]

_FREE_JOBS = 10_000
"""So many jobs in a row may take no time at all; were all like that, a run that is limited by time would never end."""

_Reached = tuple[float, float]
"""The largest budget on which a configuration has been evaluated, and what that took from scratch."""

_NOTHING: _Reached = (0.0, 0.0)


class Problem(Protocol):
    """Something to optimize.

    Attributes:
        min_budget, max_budget: the smallest useful budget, and the full one.
    """

    @property
    def min_budget(self) -> float: ...
    @property
    def max_budget(self) -> float: ...

    def configspace(self, seed: int) -> Any:
        """The search space, a ``ConfigSpace.ConfigurationSpace``."""

    def __call__(self, config: Config, budget: float) -> tuple[float, float]:
        """The loss, and the seconds that an evaluation from scratch takes.

        If it raises or the loss is not finite, the evaluation has failed. An evaluation that raises takes no seconds;
        with a loss of NaN, it takes those returned.
        """


class SimulatedBackend:
    """A :class:`~hpbandster_ng.backends.base.Backend` whose workers work in virtual time.

    Time passes when :meth:`next_event` is asked for what happens next, and at no other time: from happening to
    happening, without waiting. What happens at the same time happens in the order in which it was decided. All workers,
    ``worker_0`` and so on, join when the backend starts. The evaluation itself is done when its job starts, so that a
    problem whose seconds are the cost is evaluated once.

    Args:
        problem: evaluates.
        n_workers: how many.
        seed: of the workload's luck.
        workload: what the workers are like; see :class:`~hpbandster_ng.simulator.workload.Workload`.

    Raises:
        InvalidArgumentError: names the parameter.

    Example:
        >>> class Sphere:
        ...     min_budget, max_budget = 1, 9
        ...     def configspace(self, seed):
        ...         raise NotImplementedError
        ...     def __call__(self, config, budget):
        ...         return config["x"] ** 2, 0.0
        >>> backend = SimulatedBackend(Sphere(), n_workers=1, seed=0)
        >>> backend.start(backend.clock)
        >>> backend.next_event(timeout=1.0)
        WorkerJoined(at=0.0, worker='worker_0')
        >>> job = Job((0, 0, 0), 3, {"x": 0.5}, {})
        >>> backend.submit(StartJob(0.0, *job.key, attempt=1, worker="worker_0"), job)
        >>> backend.next_event(timeout=1.0), backend.clock()
        (None, 1.0)
        >>> backend.next_event(timeout=9.0).outcome.result, backend.clock()
        ({'loss': 0.25, 'info': {}}, 3.0)
    """

    working_directory = "."

    def __init__(self, problem: Problem, n_workers: int, seed: int, workload: Workload = ORDINARY) -> None:
        self.problem = problem
        self.n_workers = check_whole("n_workers", n_workers, 1, "1 simulates a sequential run")
        self.workload = workload
        self._speeds = _speeds(workload, self.n_workers)
        self._luck = Luck(check_whole("seed", seed, 0, "0 will do"))
        self._lives = dict.fromkeys(self._speeds, 0)
        self._numbers = {worker: number for number, worker in enumerate(self._speeds)}
        self._now = 0.0
        self._planned: list[tuple[float, int, Happening, _Reached]] = []
        self._num_planned = 0
        self._running: dict[str, int] = {}
        self._reached: dict[ConfigId, _Reached] = {}
        self._num_free_in_a_row = 0

    def clock(self) -> float:
        """The virtual time; 0 at first."""
        return self._now

    def start(self, clock: Callable[[], float]) -> None:
        """Let all workers join, now.

        Raises:
            InvalidArgumentError: the clock is another one than :meth:`clock`.
        """
        if clock != self.clock:
            raise InvalidArgumentError(
                "clock", clock, "must be that of the simulated backend", "pass backend=backend, clock=backend.clock"
            )
        self.close(shutdown_workers=False)
        for worker in self._speeds:
            self._plan(WorkerJoined(self._now, worker))

    def submit(self, start: StartJob, job: Job, context: Mapping[str, Any] | None = None) -> None:
        outcome, reached = self._evaluate(job)
        duration = self._cost(job, reached) / self._speeds[start.worker]
        duration *= self._luck.straggling(job.config_id, job.budget, start.attempt, self.workload.straggling)
        if start.time_limit is not None and duration > start.time_limit:
            duration, reached = start.time_limit, _NOTHING
            outcome = Outcome(OutcomeState.TIMED_OUT, error=f"it took longer than {start.time_limit:g} units of time")
        self._watch_for_standstill(duration)
        finished = JobFinished(self._now + duration, job.config_id, job.budget, start.attempt, start.worker, outcome)
        self._running[start.worker] = self._plan(finished, reached)

    def next_event(self, timeout: float) -> Happening | None:
        """What happens next, if that is within ``timeout`` units of time, which pass until then; else they all pass."""
        until = self._now + timeout
        while self._planned and self._planned[0][0] <= until:
            at, number, happening, reached = heapq.heappop(self._planned)
            if isinstance(happening, JobFinished):
                if self._running.get(happening.worker) != number:
                    continue  # the worker crashed before it came to that
                self._finish(happening, reached)
            else:
                self._live_on(happening)
            self._now = at
            return happening
        self._now = until
        return None

    def acknowledge(self, happening: Happening) -> None:
        """Nobody waits for that here."""

    def close(self, shutdown_workers: bool) -> None:
        """Forget what would happen next."""
        self._planned.clear()
        self._running.clear()

    def _plan(self, happening: Happening, reached: _Reached = _NOTHING) -> int:
        self._num_planned += 1
        heapq.heappush(self._planned, (happening.at, self._num_planned, happening, reached))
        return self._num_planned

    def _finish(self, finished: JobFinished, reached: _Reached) -> None:
        del self._running[finished.worker]
        if self.workload.continues and finished.outcome.state is OutcomeState.SUCCEEDED:
            self._reached[finished.config_id] = max(reached, self._reached.get(finished.config_id, _NOTHING))

    def _live_on(self, happening: Happening) -> None:
        """Who joins, crashes some day; who crashes, joins anew."""
        match happening:
            case WorkerJoined(at=at, worker=worker):
                lifetime = self._luck.lifetime(self._numbers[worker], self._lives[worker], self.workload.crashes)
                self._lives[worker] += 1
                if lifetime < math.inf:
                    self._plan(WorkerLost(at + lifetime, worker, "it crashed"))
            case WorkerLost(at=at, worker=worker):
                self._running.pop(worker, None)
                self._plan(WorkerJoined(at + self.workload.repair, worker))

    def _evaluate(self, job: Job) -> tuple[Outcome, _Reached]:
        """How the job will end, and how far the configuration will have come then."""
        budget, is_timed = job.budget, self.workload.cost == "seconds"
        try:
            answer: object = self.problem(dict(job.config), budget)
        except Exception:  # noqa: BLE001 - whatever it raises is the configuration's fault, as in a real run
            outcome = Outcome(OutcomeState.FAILED, error=traceback.format_exc())
            return outcome, (budget, 0.0 if is_timed else budget)
        if not (isinstance(answer, tuple) and len(answer) == 2):
            raise InvalidArgumentError("problem", self.problem, f"returned {answer!r}", "return (loss, seconds)")
        loss, seconds = answer
        total = check_number("seconds", seconds, "return (loss, seconds) from the problem") if is_timed else budget
        return _outcome(loss), (budget, total)

    def _cost(self, job: Job, reached: _Reached) -> float:
        """What the job adds to what its configuration has had; 0 where a model of seconds says that it was less."""
        return max(0.0, reached[1] - self._reached.get(job.config_id, _NOTHING)[1])

    def _watch_for_standstill(self, duration: float) -> None:
        self._num_free_in_a_row = 0 if duration > 0 else self._num_free_in_a_row + 1
        if self._num_free_in_a_row >= _FREE_JOBS:
            raise InvalidArgumentError(
                "problem",
                self.problem,
                f"lets {_FREE_JOBS} jobs in a row take no time, so that the run would never end",
                "return the seconds that an evaluation takes, failed ones included, or take cost='budget'",
            )


def _speeds(workload: Workload, n_workers: int) -> dict[str, float]:
    """The speed of every worker, by its name."""
    if not isinstance(workload, Workload):
        raise InvalidArgumentError("workload", workload, "must be a Workload", "leave it out for an ordinary one")
    if len(workload.speeds) not in (0, n_workers):
        raise InvalidArgumentError(
            "speeds", workload.speeds, f"must be one number for each of the {n_workers} workers", "or leave it out"
        )
    speeds = workload.speeds or (1.0,) * n_workers
    return {f"worker_{number}": speed for number, speed in enumerate(speeds)}


def _outcome(loss: Any) -> Outcome:
    try:
        number = float(loss)
    except (TypeError, ValueError) as error:
        return Outcome(OutcomeState.INVALID, error=f"the problem returned loss={loss!r}, which is no number: {error}")
    if not math.isfinite(number):
        return Outcome(OutcomeState.INVALID, error=f"the problem returned loss={number}, which is not finite")
    return Outcome(OutcomeState.SUCCEEDED, {"loss": number, "info": {}})
