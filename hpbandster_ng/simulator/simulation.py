"""A whole run in virtual time, in one call."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from hpbandster_ng.engine.checks import check_number
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.simulator.backend import Problem, SimulatedBackend
from hpbandster_ng.simulator.workload import ORDINARY, Workload

__all__ = ["simulate"]

_Result_co = TypeVar("_Result_co", covariant=True)
_Made = TypeVar("_Made")

_ROUNDING = 1e-9
"""Relative: a job that ends with the time, but for the rounding of a sum of durations, has ended within it."""

_logger = logging.getLogger("hpbandster_ng.simulator")
_logger.addHandler(logging.NullHandler())  # a simulated crash is no reason to warn who has not asked for logs


class _Optimizer(Protocol[_Result_co]):
    def run(self, *, min_n_workers: int, max_time: float) -> _Result_co: ...


def simulate(
    optimizer: Callable[..., AbstractContextManager[_Optimizer[_Result_co]]],
    problem: Problem,
    n_workers: int,
    total_budget: float,
    seed: int,
    workload: Workload = ORDINARY,
    **optimizer_kwargs: Any,
) -> _Result_co:
    """Run an optimizer on simulated workers, without waiting for any evaluation.

    Whatever decides is what decides in a real run; only the workers and the clock are not real. The run lasts
    ``total_budget / n_workers`` units of virtual time; what is still running then has no result. The same arguments
    give the same result, to the last time stamp.

    Args:
        optimizer: an optimizer's class, or any callable that makes one, such as ``functools.partial(BOHB, eta=2)``,
            when it is called with the problem's arguments and what a :class:`~hpbandster_ng.core.master.Master` takes.
        problem: says what is optimized and, if the workload asks for it, how long an evaluation takes.
        n_workers: how many workers there are.
        total_budget: what all workers together can spend, in units of budget, or of the workload's cost. Waiting for
            work and repair is paid for, too; a fast worker costs what a slow one does.
        seed: of the optimizer, of the search space, and of the workload's luck.
        workload: speeds of the workers, stragglers, crashes, and what a job costs.
        **optimizer_kwargs: more arguments of the optimizer, such as ``observers``, or others than the problem's.

    Returns:
        What ``optimizer.run`` returns; time stamps are virtual and begin at 0.

    Raises:
        InvalidArgumentError: names the parameter; or all jobs take no time.

    Example:
        >>> import ConfigSpace
        >>> from hpbandster_ng.optimizers import HyperBand
        >>> class Sphere:
        ...     min_budget, max_budget = 1, 9
        ...     def configspace(self, seed):
        ...         return ConfigSpace.ConfigurationSpace({"x": (-1.0, 1.0)}, seed=seed)
        ...     def __call__(self, config, budget):
        ...         return config["x"] ** 2 + 1 / budget, 60.0 * budget
        >>> result = simulate(HyperBand, Sphere(), n_workers=4, total_budget=400, seed=1)
        >>> max(run.time_stamps["finished"] for run in result.get_all_runs())
        100.0
    """
    _check_problem(problem)
    backend = SimulatedBackend(problem, n_workers, seed, workload)
    budget = check_number("total_budget", total_budget, "it is in units of the workload's cost", positive=True)
    with _made(optimizer, backend, seed, optimizer_kwargs) as master:
        return master.run(min_n_workers=n_workers, max_time=budget / backend.n_workers * (1 + _ROUNDING))


def _made(
    optimizer: Callable[..., _Made], backend: SimulatedBackend, seed: int, optimizer_kwargs: Mapping[str, Any]
) -> _Made:
    if not callable(optimizer):
        raise InvalidArgumentError("optimizer", optimizer, "must be callable", "pass a class, such as BOHB")
    problem = backend.problem
    settings = {
        "configspace": problem.configspace(seed),
        "min_budget": problem.min_budget,
        "max_budget": problem.max_budget,
        "run_id": "simulation",
        "logger": _logger,
        "show_progressbar": False,  # it is over before anybody looks
        "worker_timeout": math.inf,  # however long a repair takes, somebody will come
        **optimizer_kwargs,
    }
    return optimizer(**settings, seed=seed, backend=backend, clock=backend.clock)


def _check_problem(problem: object) -> None:
    missing = [name for name in ("configspace", "min_budget", "max_budget") if not hasattr(problem, name)]
    if missing or not callable(problem):
        raise InvalidArgumentError(
            "problem",
            problem,
            f"must have {missing[0]}" if missing else "must be callable",
            "see hpbandster_ng.simulator.Problem for what a problem is",
        )
