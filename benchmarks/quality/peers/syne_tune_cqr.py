"""Syne Tune's ASHACQR: asynchronous successive halving with conformalised quantile regression.

Of the multi-fidelity methods that the current version (0.16) ships it is the latest that its authors published; they
report that it outperforms conventional methods on many tasks (Salinas et al. 2023, "Optimizing Hyperparameters with
Conformal Quantile Regression", abstract). It was not compared here with the others that 0.16 ships. Driven by the
scheduler's public methods in the order in which Syne Tune's ``Tuner`` calls them; a trial is of the stopping kind, so
that its worker goes on at once unless told to stop. It reports at every rung and at the full budget. Syne Tune knows
no conditions: all parameters are sampled, the inactive ones dropped. A failed evaluation is told by
``on_trial_error``.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import deque
from collections.abc import Mapping
from typing import Any

import ConfigSpace as CS
import numpy as np
from syne_tune.backend.trial_status import Trial
from syne_tune.optimizer.baselines import ASHACQR
from syne_tune.optimizer.scheduler import SchedulerDecision

from benchmarks.quality.peers._space import active
from benchmarks.quality.peers._steps import Steps
from benchmarks.quality.peers._syne_tune import config_space

__all__ = ["SyneTuneCQR", "make"]


class SyneTuneCQR:
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
        np.random.seed(seed)  # noqa: NPY002  its bracket is drawn from the global state
        self.space, self.max_budget = space, max_budget
        self.steps = Steps.between(min_budget, max_budget, resolution=100)
        self.rungs = self.steps.geometric()
        self.scheduler = ASHACQR(
            config_space(space),
            metric="loss",
            time_attr="step",
            max_t=self.steps.last,
            grace_period=self.steps.first,
            reduction_factor=3,
            random_seed=seed,
        )
        self.trials: dict[int, tuple[Trial, int]] = {}
        self.going_on: deque[int] = deque()
        self.num_trials = 0

    def ask(self) -> tuple[int, dict[str, Any], float]:
        if self.going_on:
            return self._job(self.going_on.popleft())
        trial = Trial(self.num_trials, self.scheduler.suggest().config, dt.datetime.now(dt.timezone.utc))
        self.num_trials += 1
        self.scheduler.on_trial_add(trial)
        self.trials[trial.trial_id] = trial, 0
        return self._job(trial.trial_id)

    def _job(self, key: int) -> tuple[int, dict[str, Any], float]:
        trial, rung = self.trials[key]
        return key, active(self.space, trial.config), self.steps.budget(self.rungs[rung], self.max_budget)

    def tell(self, key: int, config: Mapping[str, Any], budget: float, loss: float, seconds: float) -> None:
        trial, rung = self.trials.pop(key)
        if not math.isfinite(loss):
            self.scheduler.on_trial_error(trial)
            return
        decision = self.scheduler.on_trial_result(trial, {"loss": loss, "step": self.rungs[rung]})
        if decision == SchedulerDecision.CONTINUE:
            self.trials[key] = trial, rung + 1
            self.going_on.append(key)
        else:
            self.scheduler.on_trial_remove(trial)


make = SyneTuneCQR
