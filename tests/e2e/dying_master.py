"""A master that ends itself with SIGKILL when its log has got so many more events: directory, number of events."""

from __future__ import annotations

import sys

import ConfigSpace

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.optimizers.hyperband import HyperBand
from hpbandster_ng.storage.journal import JournalStorage
from tests.storage.dying import DyingStorage


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


if __name__ == "__main__":
    run(DyingStorage(JournalStorage(sys.argv[1]), int(sys.argv[2])))
