"""Example 1: BOHB on this machine, one run at a time.

    python examples/example_1_local_sequential.py

The five steps below are those of every script that uses this package; the next examples only vary them. The problem
is a toy: find the smallest x in [0, 1], of which only a noisy value can be seen.
"""

from __future__ import annotations

import argparse
import logging
import sys

from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.examples.commons import MyWorker
from hpbandster_ng.optimizers import BOHB

RUN_ID = "example1"


def main() -> None:
    parser = argparse.ArgumentParser(description="Example 1: a local and sequential run.")
    parser.add_argument("--min_budget", type=float, default=9, help="smallest budget of a run")
    parser.add_argument("--max_budget", type=float, default=243, help="largest budget of a run")
    parser.add_argument("--n_iterations", type=int, default=4, help="number of brackets")
    parser.add_argument("--nameserver_port", type=int, help="port of the nameserver; 0: any free one (default: 9090)")
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)

    # Step 1: start a nameserver, through which workers and optimizer find each other. Everything that belongs to one
    # run, and nothing else, shares its run_id.
    with NameServer(run_id=RUN_ID, host="127.0.0.1", port=args.nameserver_port) as name_server:
        # Step 2: start a worker. In the background, so that this script goes on.
        worker = MyWorker(
            sleep_interval=0, run_id=RUN_ID, nameserver=name_server.host, nameserver_port=name_server.port
        )
        worker.run(background=True)

        # Step 3: run an optimizer. It needs the search space, the budgets, and where the nameserver is.
        with BOHB(
            configspace=MyWorker.get_configspace(),
            run_id=RUN_ID,
            nameserver=name_server.host,
            nameserver_port=name_server.port,
            min_budget=args.min_budget,
            max_budget=args.max_budget,
        ) as bohb:
            result = bohb.run(n_iterations=args.n_iterations)

        # Step 4: stop everything. The end of the inner block has stopped the optimizer and the worker, as
        # bohb.shutdown(shutdown_workers=True) would; the end of the outer block stops the nameserver. Both also happen
        # if something goes wrong inside.

    # Step 5: look at what was found. Example 6 shows more of what a result can tell.
    id2config = result.get_id2config_mapping()
    incumbent = result.get_incumbent_id()
    if incumbent is None:
        sys.exit("No run on max_budget succeeded, so there is no best configuration.")
    runs = result.get_all_runs()
    full_evaluations = sum(run.budget for run in runs) / args.max_budget
    print("Best found configuration:", id2config[incumbent]["config"])
    print(f"A total of {len(id2config)} unique configurations were sampled.")
    print(f"A total of {len(runs)} runs were executed.")
    print(f"Total budget corresponds to {full_evaluations:.1f} full function evaluations.")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
