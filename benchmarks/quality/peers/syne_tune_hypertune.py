"""Syne Tune's HyperTune: asynchronous successive halving with independent Gaussian processes at each rung.

Syne Tune's tutorial on multi-fidelity methods compares all of its methods; there HyperTune with independent processes
and one bracket, its defaults, is among the two best; with more brackets it is what the tutorial recommends where the
smallest budget is critical. The current versions have it no longer; this is 0.13, in an environment of its own. As the
tutorial does, it is run in promotion mode, with ``max_resource_attr``. Driven by the scheduler's public methods in the
order in which Syne Tune's ``Tuner`` calls them. Syne Tune knows no conditions: all parameters are sampled, the
inactive ones dropped. A failed evaluation is told by ``on_trial_error``.

Fitting the processes is slow, so that with more than 40 results it is done at every tenth proposal only, by the
documented ``opt_skip_init_length`` and ``opt_skip_period``; in between they still see all the data.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
from collections.abc import Mapping
from typing import Any

import ConfigSpace as CS
from syne_tune.backend.trial_status import Trial
from syne_tune.optimizer.baselines import HyperTune
from syne_tune.optimizer.scheduler import SchedulerDecision

from benchmarks.quality.peers._space import active
from benchmarks.quality.peers._steps import Steps
from benchmarks.quality.peers._syne_tune import config_space

__all__ = ["SyneTuneHyperTune", "make"]

_MAX_RESOURCE = "max_resource"
_FIT_ALWAYS, _FIT_EVERY = 40, 10  # results


class SyneTuneHyperTune:
    """Trials that pause at rungs and are resumed."""

    def __init__(
        self,
        space: CS.ConfigurationSpace,
        min_budget: float,
        max_budget: float,
        total: float,
        n_workers: int,
        seed: int,
    ) -> None:
        logging.getLogger("syne_tune").setLevel(logging.ERROR)
        self.space, self.max_budget = space, max_budget
        self.steps = Steps.between(min_budget, max_budget, resolution=100)
        self.scheduler = HyperTune(
            {**config_space(space), _MAX_RESOURCE: self.steps.last},
            metric="loss",
            mode="min",
            resource_attr="step",
            max_resource_attr=_MAX_RESOURCE,
            grace_period=self.steps.first,
            reduction_factor=3,
            type="promotion",
            random_seed=seed,
            search_options={"debug_log": False, "opt_skip_init_length": _FIT_ALWAYS, "opt_skip_period": _FIT_EVERY},
        )
        self.trials: list[Trial] = []

    def ask(self) -> tuple[int, dict[str, Any], float]:
        suggestion = self.scheduler.suggest(trial_id=len(self.trials))
        if suggestion.spawn_new_trial_id:
            key = len(self.trials)
            self.trials.append(Trial(key, suggestion.config, dt.datetime.now(dt.timezone.utc)))
            self.scheduler.on_trial_add(self.trials[key])
        else:
            key = suggestion.checkpoint_trial_id
            if suggestion.config is not None:
                self.trials[key].config = suggestion.config
        trial = self.trials[key]
        budget = self.steps.budget(trial.config[_MAX_RESOURCE], self.max_budget)
        return key, active(self.space, trial.config), budget

    def tell(self, key: int, config: Mapping[str, Any], budget: float, loss: float, seconds: float) -> None:
        trial = self.trials[key]
        if not math.isfinite(loss):
            self.scheduler.on_trial_error(trial)
            return
        result = {"loss": loss, "step": int(trial.config[_MAX_RESOURCE])}
        decision = self.scheduler.on_trial_result(trial, result)
        if decision == SchedulerDecision.CONTINUE:
            self.scheduler.on_trial_complete(trial, result)
        else:
            self.scheduler.on_trial_remove(trial)


make = SyneTuneHyperTune
