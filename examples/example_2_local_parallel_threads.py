"""Example 2: BOHB on this machine, several workers in threads of one process.

    python examples/example_2_local_parallel_threads.py --n_workers 4

Threads share one Python interpreter, so they help where the work is done outside of it: in numpy, scikit-learn or
PyTorch, in a program that ``compute`` starts, or, as here, where it only waits. Compare how long the script takes with
different numbers of workers. What is new against example 1 is marked.
"""

from __future__ import annotations

import argparse
import logging
import sys

from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.examples.commons import MyWorker
from hpbandster_ng.optimizers import BOHB

RUN_ID = "example2"


def main() -> None:
    parser = argparse.ArgumentParser(description="Example 2: a local run with parallel workers in threads.")
    parser.add_argument("--min_budget", type=float, default=9, help="smallest budget of a run")
    parser.add_argument("--max_budget", type=float, default=243, help="largest budget of a run")
    parser.add_argument("--n_iterations", type=int, default=4, help="number of brackets")
    parser.add_argument("--n_workers", type=int, default=2, help="number of workers that run in parallel")
    parser.add_argument("--nameserver_port", type=int, help="port of the nameserver; 0: any free one (default: 9090)")
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)

    # Step 1: start a nameserver.
    with NameServer(run_id=RUN_ID, host="127.0.0.1", port=args.nameserver_port) as name_server:
        # Step 2: start the workers. New: there are several, each with an id of its own (all share the process, whose
        # id tells workers apart otherwise), and each evaluation sleeps for a second to make the difference visible.
        for i in range(args.n_workers):
            worker = MyWorker(
                sleep_interval=1, run_id=RUN_ID, nameserver=name_server.host, nameserver_port=name_server.port, id=i
            )
            worker.run(background=True)

        # Step 3: run an optimizer. New: it waits until all workers are there. It need not, since workers may come and
        # go at any time, but here we want to see what they gain together.
        with BOHB(
            configspace=MyWorker.get_configspace(),
            run_id=RUN_ID,
            nameserver=name_server.host,
            nameserver_port=name_server.port,
            min_budget=args.min_budget,
            max_budget=args.max_budget,
        ) as bohb:
            result = bohb.run(n_iterations=args.n_iterations, min_n_workers=args.n_workers)

        # Step 4: leaving the two blocks stops the optimizer with all its workers, and the nameserver.

    # Step 5: look at what was found. New: how much was gained by working in parallel.
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

    began = min(run.time_stamps["started"] for run in runs)
    ended = max(run.time_stamps["finished"] for run in runs)
    worked = sum(run.time_stamps["finished"] - run.time_stamps["started"] for run in runs)
    print(f"The run took {ended - began:.1f} seconds, in which the workers did {worked:.1f} seconds of work.")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
