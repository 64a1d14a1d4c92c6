"""BOHB with its log in MongoDB, killed with SIGKILL in an evaluation: url of the database, folder of the jobs."""

from __future__ import annotations

import os
import signal
import sys

import ConfigSpace

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.optimizers.bohb import BOHB

NUM_BEFORE_DEATH = 15


class Compute:
    """Remembers what it was asked for, and kills its process when that becomes too much."""

    def __init__(self, num_left=1000):
        self.num_left = num_left
        self.keys = []

    def __call__(self, config_id, config, budget, **_):
        if self.num_left == len(self.keys):
            os.kill(os.getpid(), signal.SIGKILL)
        self.keys.append((tuple(config_id), budget))
        return {"loss": (config["x"] - 0.3) ** 2 / budget, "info": {}}


def run(storage, compute, folder):
    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
    backend = InProcessBackend(compute, folder)
    with BOHB(space, min_budget=1, max_budget=9, run_id="run", seed=1, backend=backend, storage=storage) as optimizer:
        return optimizer.run(n_iterations=2)


if __name__ == "__main__":
    run(sys.argv[1], Compute(NUM_BEFORE_DEATH), sys.argv[2])
