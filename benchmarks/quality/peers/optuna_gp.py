"""Optuna's Gaussian-process sampler, at the full budget only.

The sampler has no use for intermediate values. It models what all trials have in common and samples the rest at
random, so that conditional parameters would be left to chance; here every parameter is sampled and the inactive ones
are dropped before the evaluation, which is the better deal for it. A failed evaluation is told as
``TrialState.FAIL``. Its documentation says how to be fast: one thread (``OMP_NUM_THREADS=1``), which the harness sets.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import ConfigSpace as CS
import optuna

from benchmarks.quality.peers._optuna import suggest
from benchmarks.quality.peers._space import active

__all__ = ["OptunaGP", "make"]


class OptunaGP:
    """One full evaluation a trial."""

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
        self.space, self.max_budget = space, max_budget
        self.study = optuna.create_study(sampler=optuna.samplers.GPSampler(seed=seed))
        self.trials: dict[int, optuna.Trial] = {}

    def ask(self) -> tuple[int, dict[str, Any], float]:
        trial = self.study.ask()
        self.trials[trial.number] = trial
        return trial.number, active(self.space, suggest(trial, self.space, conditional=False)), self.max_budget

    def tell(self, key: int, config: Mapping[str, Any], budget: float, loss: float, seconds: float) -> None:
        trial = self.trials.pop(key)
        if math.isfinite(loss):
            self.study.tell(trial, loss)
        else:
            self.study.tell(trial, state=optuna.trial.TrialState.FAIL)


make = OptunaGP
