"""What is optimised: problems with budgets, cheap to evaluate, whose best loss is known.

The development suite lies beside the repository and is not part of it. Where it is absent, and in the short form, our
own few problems take its place; they need numpy and ConfigSpace only.
"""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import ConfigSpace

from benchmarks.quality.own_problems import OWN_PROBLEMS

__all__ = ["Problem", "development_suite", "num_varying", "own_suite", "problem", "suite_budget"]

FOLDER_VARIABLE = "HPBANDSTER_BENCH"
"""The environment variable that says where ``problems.py`` of the development suite lies."""

_REPOSITORY = Path(__file__).resolve().parents[2]


class Problem(Protocol):
    """Something to minimise.

    Attributes:
        name: short, and fit for a file.
        min_budget, max_budget: the smallest useful budget, and the full one.
        bounds: the best and the worst loss known at ``max_budget``.
    """

    name: str
    min_budget: float
    max_budget: float
    bounds: tuple[float, float]

    def configspace(self, seed: int) -> ConfigSpace.ConfigurationSpace: ...

    def __call__(self, config: Mapping[str, Any], budget: float) -> tuple[float, float]:
        """The loss, infinite where the evaluation fails, and the seconds that the real thing would take."""


class _DevelopmentProblem:
    def __init__(self, name: str, inner: Any) -> None:
        self.name = name
        self._inner = inner
        self.min_budget, self.max_budget = float(inner.min_budget), float(inner.max_budget)
        self.bounds = inner.bounds

    def configspace(self, seed: int) -> ConfigSpace.ConfigurationSpace:
        return self._inner.configspace(seed)

    def __call__(self, config: Mapping[str, Any], budget: float) -> tuple[float, float]:
        return self._inner(dict(config), budget)


def development_suite() -> dict[str, Problem]:
    """The problems of the development suite by name; empty where it is absent.

    It is looked for where ``HPBANDSTER_BENCH`` says, or else in ``shared/bench`` next to the repository or further up.
    """
    module = _development_module()
    if module is None:
        return {}
    suite = {}
    for kind, *arguments in module.DEVELOPMENT_SUITE:
        if kind == "hartmann":
            dimensions, preset = arguments
            name, inner = f"hartmann{dimensions}-{preset}", module.hartmann(dimensions, preset)
        else:
            name, inner = f"{kind.rpartition('_')[2]}-{arguments[0]}", module.yahpo(kind, *arguments)
        suite[name] = _DevelopmentProblem(name, inner)
    return suite


def own_suite() -> dict[str, Problem]:
    """Our own problems by name."""
    return {each.name: each for each in OWN_PROBLEMS}


def problem(name: str) -> Problem:
    """The problem of that name, of either suite.

    Raises:
        KeyError: there is none, or the development suite is absent.
    """
    own = own_suite()
    return own[name] if name in own else development_suite()[name]


def num_varying(each: Problem) -> int:
    """How many hyperparameters can take more than one value."""
    return sum(1 for hyperparameter in each.configspace(0).values() if _num_values(hyperparameter) > 1)


def suite_budget(each: Problem) -> float:
    """What an optimizer may spend on a problem, in full evaluations."""
    return 20 + 40 * math.sqrt(num_varying(each))


def _num_values(hyperparameter: Any) -> float:
    for attribute in ("choices", "sequence"):
        if hasattr(hyperparameter, attribute):
            return len(getattr(hyperparameter, attribute))
    return 1 if isinstance(hyperparameter, ConfigSpace.Constant) else math.inf


@cache
def _development_module() -> Any:
    told = os.environ.get(FOLDER_VARIABLE)
    places = [Path(told)] if told else [folder / "shared" / "bench" for folder in _REPOSITORY.parents]
    for place in places:
        path = place / "problems.py"
        if path.is_file():
            spec = importlib.util.spec_from_file_location("development_problems", path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    return None
