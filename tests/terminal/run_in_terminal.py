"""A run whose ``compute`` prints, also in a forked child: ``run_in_terminal.py [quiet]``."""

from __future__ import annotations

import os
import sys

import ConfigSpace

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.optimizers import HyperBand


def compute(config, **_):
    sys.stdout.write("computes\n")
    if child := os.fork():
        os.waitpid(child, 0)
    else:
        sys.stdout.write("a child prints\n")
        sys.stdout.flush()
        os._exit(0)
    return {"loss": config["x"], "info": {}}


if __name__ == "__main__":
    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
    options = {"show_progressbar": False} if sys.argv[1:] else {}
    backend = InProcessBackend(compute)
    with HyperBand(space, min_budget=1, max_budget=9, backend=backend, seed=1, **options) as optimizer:
        optimizer.run(1)
