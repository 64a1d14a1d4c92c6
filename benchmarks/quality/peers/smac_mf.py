"""SMAC3's multi-fidelity facade: Hyperband with a random forest, by its ask and tell.

The scenario must know ``n_trials``, by which it sizes the initial design: it is told how many evaluations Hyperband
makes of the budget of the run. A worker never waits: where all brackets do, the intensifier opens another one. SMAC
takes ConfigSpace's spaces as they are, conditions included. All else is the facade's default.

A failed evaluation is told as ``StatusType.CRASHED`` with the worst loss until then: an infinite one ends SMAC 2.4.1
with an error when it fits its forest, and the worst loss is what later versions put there themselves. While there is
none, the failure waits to be told.

Its forest asks its ten trees in threads of joblib, which wait for each other in steps of 10 ms; in one thread, which is
all that the harness gives, it is twice as fast.
"""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Mapping
from typing import Any

import ConfigSpace as CS
import joblib
from smac import MultiFidelityFacade, Scenario
from smac.runhistory import StatusType, TrialInfo, TrialValue

from benchmarks.quality.peers._space import active

__all__ = ["SMAC", "evaluations", "make"]

_ETA = 3


def evaluations(min_budget: float, max_budget: float, total_full_evaluations: float) -> int:
    """How many evaluations Hyperband makes of a budget where promoted configurations continue.

    Example:
        >>> evaluations(1, 9, 30)
        75
    """
    rungs = math.floor(math.log(max_budget / min_budget, _ETA) + 1e-9) + 1
    number = cost = 0.0
    for s in range(rungs):
        first = math.ceil(rungs / (s + 1) * _ETA**s)
        reached = 0.0
        for i in range(s + 1):
            size, budget = first // _ETA**i, float(_ETA) ** (i - s)
            number += size
            cost += size * (budget - reached)
            reached = budget
    return math.ceil(total_full_evaluations * number / cost)


class SMAC:
    """Trials of the facade; a configuration is known by what it is."""

    def __init__(
        self,
        space: CS.ConfigurationSpace,
        min_budget: float,
        max_budget: float,
        total: float,
        n_workers: int,
        seed: int,
    ) -> None:
        logging.getLogger("smac").setLevel(logging.ERROR)
        joblib.parallel_config(backend="sequential")
        self.space, self.max_budget = space, max_budget
        self._folder = tempfile.TemporaryDirectory()
        scenario = Scenario(
            space,
            deterministic=True,
            min_budget=min_budget,
            max_budget=max_budget,
            n_trials=evaluations(min_budget, max_budget, total),
            n_workers=n_workers,
            seed=seed,
            output_directory=self._folder.name,
        )
        intensifier = MultiFidelityFacade.get_intensifier(scenario, eta=_ETA)
        self.facade = MultiFidelityFacade(
            scenario, target_function=None, intensifier=intensifier, overwrite=True, logging_level=False
        )
        self.running: dict[tuple[int, float], TrialInfo] = {}
        self.failed: list[tuple[TrialInfo, float]] = []
        self.worst: float | None = None

    def ask(self) -> tuple[int, dict[str, Any], float]:
        info = self.facade.ask()
        key = self.facade.runhistory.get_config_id(info.config)
        budget = min(float(info.budget), self.max_budget)
        self.running[key, budget] = info
        return key, active(self.space, dict(info.config)), budget

    def tell(self, key: int, config: Mapping[str, Any], budget: float, loss: float, seconds: float) -> None:
        info = self.running.pop((key, budget))
        if math.isfinite(loss):
            self.facade.tell(info, TrialValue(cost=loss, time=seconds, status=StatusType.SUCCESS), save=False)
            self.worst = loss if self.worst is None else max(loss, self.worst)
        else:
            self.failed.append((info, seconds))
        while self.failed and self.worst is not None:
            info, seconds = self.failed.pop()
            self.facade.tell(info, TrialValue(cost=self.worst, time=seconds, status=StatusType.CRASHED), save=False)


make = SMAC
