"""NePS's optimizers by its ask and tell; it is told the names of configurations by the optimizer itself."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import Any

import ConfigSpace as CS
import neps
import numpy as np
import torch

from benchmarks.quality.peers._space import Kinds, active, translate

__all__ = ["Neps"]

_BUDGET = "budget"
_KINDS = Kinds(
    lambda hp: neps.HPOFloat(hp.lower, hp.upper, log=hp.log),
    lambda hp: neps.HPOInteger(hp.lower, hp.upper, log=hp.log),
    lambda _, choices: neps.HPOCategorical(choices),
)


class Neps:
    """Trials of ``neps.AskAndTell``.

    A trial is called ``<configuration>_rung_<number>``. NePS knows no conditions in the spaces that its multi-fidelity
    optimizers take: all parameters are sampled, the inactive ones dropped. A failed evaluation is told as its
    exception. It draws from the global random states, so that they are seeded.
    """

    def __init__(
        self,
        space: CS.ConfigurationSpace,
        min_budget: float,
        max_budget: float,
        seed: int,
        optimizer: Callable[[neps.SearchSpace], Any],
    ) -> None:
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        torch.manual_seed(seed)
        self.space, self.max_budget = space, max_budget
        self.optimizer = neps.AskAndTell(
            optimizer(neps.SearchSpace({**translate(space, _KINDS), _BUDGET: _fidelity(min_budget, max_budget)}))
        )
        self.running: dict[tuple[str, float], str] = {}

    def ask(self) -> tuple[str, dict[str, Any], float]:
        trial = self.optimizer.ask()
        key = trial.id.split("_rung_")[0]
        budget = min(float(trial.config[_BUDGET]), self.max_budget)
        self.running[key, budget] = trial.id
        return key, active(self.space, trial.config), budget

    def tell(self, key: str, config: Mapping[str, Any], budget: float, loss: float, seconds: float) -> None:
        failed = ArithmeticError(f"the loss is {loss}")
        result = {"objective_to_minimize": float(loss), "cost": seconds} if math.isfinite(loss) else failed
        self.optimizer.tell(self.running.pop((key, budget)), result)


def _fidelity(min_budget: float, max_budget: float) -> Any:
    if float(min_budget).is_integer() and float(max_budget).is_integer():
        return neps.HPOInteger(int(min_budget), int(max_budget), is_fidelity=True)
    return neps.HPOFloat(min_budget, max_budget, is_fidelity=True)
