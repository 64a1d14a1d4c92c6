"""The run of the masters that are killed in ``dying_masters.py``."""

from __future__ import annotations

import ConfigSpace

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.optimizers.hyperband import HyperBand


def compute(config, budget, **_):
    if config["x"] > 0.8:
        raise ValueError("x is too large")
    return {"loss": (config["x"] - 0.3) ** 2 / budget, "info": {}}


def run(storage):
    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
    backend = InProcessBackend(compute)
    with HyperBand(
        space, min_budget=1, max_budget=3, run_id="run", seed=1, backend=backend, storage=storage
    ) as optimizer:
        return optimizer.run(total_budget=25)
