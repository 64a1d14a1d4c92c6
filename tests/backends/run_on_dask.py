"""A script with a class of its own, started by the tests: ``run_on_dask.py ADDRESS ACT DIRECTORY [isolate]``."""

from __future__ import annotations

import os
import sys

import ConfigSpace
import distributed

from hpbandster_ng.backends.dask import DaskBackend
from hpbandster_ng.optimizers import RandomSearch
from hpbandster_ng.testing.evaluations import Acts

OFFSET = 3.0


class OfTheScript(Acts):
    def compute(self, **arguments):
        result = super().compute(**arguments)
        return {"loss": result["loss"] + OFFSET, "info": os.getppid()}


if __name__ == "__main__":
    address, act, directory, *rest = sys.argv[1:]
    client = distributed.Client(address)
    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0), "act": [act]})
    backend = DaskBackend(client, OfTheScript, working_directory=directory, isolate=rest == ["isolate"])
    optimizer = RandomSearch(space, min_budget=1, max_budget=1, backend=backend)
    losses = [run.loss for run in optimizer.run(4).get_all_runs()]  # and no shutdown
    sys.stdout.write(f"{len(losses)} runs, all from 3 to 4: {all(3 <= loss <= 4 for loss in losses)}\n")
