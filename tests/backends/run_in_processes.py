"""A script with workers in processes, started by the tests: ``run_in_processes.py ACT DIRECTORY``."""

from __future__ import annotations

import sys

import ConfigSpace

from hpbandster_ng.backends.processes import ProcessBackend
from hpbandster_ng.optimizers import RandomSearch
from hpbandster_ng.testing.evaluations import Acts


def run(act, directory):
    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0), "act": [act]})
    backend = ProcessBackend(Acts, n_workers=2, working_directory=directory)
    result = RandomSearch(space, min_budget=1, max_budget=1, backend=backend).run(4)
    sys.stdout.write(f"{len(result.get_all_runs())} runs\n")


if __name__ == "__main__" or sys.argv[1:2] == ["unguarded"]:
    run(*sys.argv[1:])
