"""A master with a storage: run_id, the port of its nameserver, a folder, the number of iterations."""

from __future__ import annotations

import sys

import ConfigSpace

from hpbandster_ng.optimizers.bohb import BOHB


def main():
    run_id, port, folder, n_iterations = sys.argv[1:]
    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
    with BOHB(
        space,
        min_budget=1,
        max_budget=9,
        run_id=run_id,
        nameserver_port=int(port),
        storage=f"journal:{folder}/log",
        working_directory=f"{folder}/run",
        seed=1,
        ping_interval=1,
        max_attempts=1000,
        worker_timeout=60,
    ) as optimizer:
        result = optimizer.run(n_iterations=int(n_iterations))
    sys.stdout.write(f"finished with {len(result.get_all_runs())} runs\n")


if __name__ == "__main__":
    main()
