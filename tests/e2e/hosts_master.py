"""A nameserver and a master on a host: its address, a shared directory, the master's own address, iterations."""

from __future__ import annotations

import logging
import sys

import ConfigSpace

from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.optimizers.bohb import BOHB


def main():
    address, shared, host, n_iterations = sys.argv[1:]
    logging.basicConfig(level=logging.WARNING)
    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
    with (
        NameServer("hosts", host=address, port=0, working_directory=shared) as nameserver,
        BOHB(
            space,
            min_budget=1,
            max_budget=9,
            run_id="hosts",
            nameserver=nameserver.host,
            nameserver_port=nameserver.port,
            host=host,
            working_directory=shared,
            storage=f"journal:{shared}/log",
            seed=1,
            ping_interval=1,
            max_attempts=1000,
            worker_timeout=60,
        ) as optimizer,
    ):
        result = optimizer.run(n_iterations=int(n_iterations))
    sys.stdout.write(f"finished with {len(result.get_all_runs())} runs\n")


if __name__ == "__main__":
    main()
