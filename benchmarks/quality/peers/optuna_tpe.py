"""Optuna's default sampler, TPE, with its Hyperband pruner.

A trial reports at every rung of ``min_budget * 3**k`` and at the full budget; the worker that runs it goes on at once
unless ``should_prune()``. The number of a bracket depends on the study's name, so that it carries the seed, as the
documentation of the pruner recommends. Conditions are branches of the define-by-run interface, and a failed evaluation
is told as ``TrialState.FAIL``. ``group=True`` is what the documentation of the sampler shows for such branches; where a
space has none it changes nothing and is left alone. With several workers ``constant_liar=True``, as the documentation
recommends where trials run side by side.
"""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Mapping
from typing import Any

import ConfigSpace as CS
import optuna

from benchmarks.quality.peers._optuna import suggest
from benchmarks.quality.peers._space import active
from benchmarks.quality.peers._steps import Steps

__all__ = ["OptunaTPE", "make"]

_RESOLUTION = 1000  # the pruner counts in whole steps


class OptunaTPE:
    """Trials that report rung by rung."""

    def __init__(
        self,
        space: CS.ConfigurationSpace,
        min_budget: float,
        max_budget: float,
        total: float,
        n_workers: int,
        seed: int,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        self.space, self.max_budget = space, max_budget
        self.steps = Steps.between(min_budget, max_budget, _RESOLUTION)
        self.rungs = self.steps.geometric()
        self.study = optuna.create_study(
            study_name=f"seed-{seed}",
            sampler=optuna.samplers.TPESampler(seed=seed, group=bool(space.conditions), constant_liar=n_workers > 1),
            pruner=optuna.pruners.HyperbandPruner(
                min_resource=self.steps.first, max_resource=self.steps.last, reduction_factor=3
            ),
        )
        self.trials: dict[int, tuple[optuna.Trial, dict[str, Any], int]] = {}
        self.going_on: deque[int] = deque()

    def ask(self) -> tuple[int, dict[str, Any], float]:
        if self.going_on:
            return self._job(self.going_on.popleft())
        trial = self.study.ask()
        self.trials[trial.number] = trial, active(self.space, suggest(trial, self.space)), 0
        return self._job(trial.number)

    def _job(self, key: int) -> tuple[int, dict[str, Any], float]:
        _, config, rung = self.trials[key]
        return key, config, self.steps.budget(self.rungs[rung], self.max_budget)

    def tell(self, key: int, config: Mapping[str, Any], budget: float, loss: float, seconds: float) -> None:
        trial, known, rung = self.trials.pop(key)
        if not math.isfinite(loss):
            self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
            return
        trial.report(loss, self.rungs[rung])
        if rung == len(self.rungs) - 1:
            self.study.tell(trial, loss)
        elif trial.should_prune():
            self.study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            self.trials[key] = trial, known, rung + 1
            self.going_on.append(key)


make = OptunaTPE
