"""Hyperopt's TPE, at the full budget only: it knows no other.

Driven by its public algorithm ``tpe.suggest`` on a ``Trials`` object, as ``fmin`` does. What depends on one category
is nested below ``hp.choice``; a failed evaluation is told as ``STATUS_FAIL``. Trials that run or have failed count as
bad ones, which is Hyperopt's own rule.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

import ConfigSpace as CS
import hyperopt
import numpy as np
from hyperopt import hp as dimension

from benchmarks.quality.peers._space import Kinds, active, parents, translate

__all__ = ["HyperoptTPE", "make"]


def _real(hp: Any) -> Any:
    if hp.log:
        return dimension.loguniform(hp.name, math.log(hp.lower), math.log(hp.upper))
    return dimension.uniform(hp.name, hp.lower, hp.upper)


def _integer(hp: Any) -> Any:
    if hp.log:
        return dimension.qloguniform(hp.name, math.log(hp.lower), math.log(hp.upper), 1)
    return dimension.uniformint(hp.name, hp.lower, hp.upper)


def _nested(space: CS.ConfigurationSpace) -> dict[str, Any]:
    """The search space, children within the choices that make them active; there they are shared, not repeated."""
    depends = parents(space)
    flat = translate(space, Kinds(_real, _integer, lambda _, choices: choices))
    built: dict[str, Any] = {}

    def build(name: str) -> Any:
        if name not in built:
            node = flat[name]
            built[name] = (
                dimension.choice(name, [branch(name, value) for value in node]) if type(node) is list else node
            )
        return built[name]

    def branch(name: str, value: Any) -> dict[str, Any]:
        children = [child for child, parent in depends.items() if parent.name == name and value in parent.values]
        return {"value": value, "children": {child: build(child) for child in children}}

    return {name: build(name) for name in flat if name not in depends}


def _values(sample: Mapping[str, Any]) -> dict[str, Any]:
    """A sample of the nested space, made flat."""
    values: dict[str, Any] = {}
    for name, value in sample.items():
        if isinstance(value, dict):
            values[name] = value["value"]
            values.update(_values(value["children"]))
        else:
            values[name] = value
    return values


class HyperoptTPE:
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
        logging.getLogger("hyperopt").setLevel(logging.ERROR)
        self.space, self.max_budget = space, max_budget
        self.domain = hyperopt.base.Domain(lambda _: 0.0, _nested(space))
        self.trials = hyperopt.Trials()
        self.rng = np.random.default_rng(seed)
        self.running: dict[int, dict[str, Any]] = {}

    def ask(self) -> tuple[int, dict[str, Any], float]:
        ids = self.trials.new_trial_ids(1)
        self.trials.refresh()
        (document,) = hyperopt.tpe.suggest(ids, self.domain, self.trials, self.rng.integers(2**31 - 1), verbose=False)
        document["state"] = hyperopt.JOB_STATE_RUNNING
        self.trials.insert_trial_docs([document])
        self.trials.refresh()
        (key,) = ids
        self.running[key] = next(trial for trial in self.trials._dynamic_trials if trial["tid"] == key)
        sample = hyperopt.space_eval(
            self.domain.expr, {name: value[0] for name, value in document["misc"]["vals"].items() if value}
        )
        return key, active(self.space, _values(sample)), self.max_budget

    def tell(self, key: int, config: Mapping[str, Any], budget: float, loss: float, seconds: float) -> None:
        document = self.running.pop(key)
        if math.isfinite(loss):
            document["result"] = {"status": hyperopt.STATUS_OK, "loss": loss}
        else:
            document["result"] = {"status": hyperopt.STATUS_FAIL}
        document["state"] = hyperopt.JOB_STATE_DONE
        self.trials.refresh()


make = HyperoptTPE
