"""Example 3: BOHB on this machine, workers in processes of their own.

Open three shells; start the optimizer in the first, and a worker in each of the others:

    python examples/example_3_local_parallel_processes.py
    python examples/example_3_local_parallel_processes.py --worker
    python examples/example_3_local_parallel_processes.py --worker

The optimizer waits for its workers, up to ten minutes. Start more of them during the run, or end one with Ctrl-C: what
it was working on is given to another. The workers end with the run. To let you see what happens, the logging level is
INFO. What is new against example 2 is marked.
"""

from __future__ import annotations

import argparse
import logging
import sys

from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.examples.commons import MyWorker
from hpbandster_ng.optimizers import BOHB

RUN_ID = "example3"
HOST = "127.0.0.1"


def main() -> None:
    parser = argparse.ArgumentParser(description="Example 3: a local run with parallel workers in processes.")
    parser.add_argument("--min_budget", type=float, default=9, help="smallest budget of a run")
    parser.add_argument("--max_budget", type=float, default=243, help="largest budget of a run")
    parser.add_argument("--n_iterations", type=int, default=4, help="number of brackets")
    parser.add_argument("--n_workers", type=int, default=2, help="number of workers to wait for before the run begins")
    parser.add_argument("--worker", action="store_true", help="be a worker and not the optimizer")
    parser.add_argument("--nameserver_port", type=int, help="port of the nameserver, one for all (default: 9090)")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO)

    if args.worker:
        be_worker(args.nameserver_port)
    else:
        optimize(args)


def be_worker(nameserver_port: int | None) -> None:
    # New: this process is a worker and nothing else. It works in the foreground; run() returns when the run is over.
    worker = MyWorker(sleep_interval=0.5, run_id=RUN_ID, nameserver=HOST, nameserver_port=nameserver_port)
    worker.run(background=False)


def optimize(args: argparse.Namespace) -> None:
    # Step 1: start a nameserver.
    with NameServer(run_id=RUN_ID, host=HOST, port=args.nameserver_port) as name_server:
        print(f"The nameserver listens on {name_server.host}:{name_server.port}; start workers now.", flush=True)

        # Step 2: start the workers. New: you do that, in other shells.

        # Step 3: run an optimizer.
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

    # Step 5: look at what was found.
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
