"""The quickstart: BOHB finds a neural network that reads handwritten digits, on this machine, one run at a time.

    python examples/quickstart.py

needs ``pip install '.[quickstart]'`` in the checkout (scikit-learn) and takes less than a minute. The budget
is the number of epochs; ``digits_worker.py`` beside this file is the worker, and shows how a run on a larger budget
goes on from the checkpoint of the smaller one.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile

from digits_worker import DigitsWorker

from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.core.result import Result
from hpbandster_ng.optimizers import BOHB

RUN_ID = "quickstart"


def main() -> None:
    parser = argparse.ArgumentParser(description="BOHB on handwritten digits, locally and sequentially.")
    parser.add_argument("--min_budget", type=float, default=1, help="epochs of the shortest runs")
    parser.add_argument("--max_budget", type=float, default=27, help="epochs of the longest runs")
    parser.add_argument("--n_iterations", type=int, default=8, help="number of brackets")
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)

    # Checkpoints live for as long as the run. Keep them in a directory of your own if you want the trained models.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as working_directory:
        result = optimize(args.min_budget, args.max_budget, args.n_iterations, working_directory)
    report(result, args.max_budget)


def optimize(min_budget: float, max_budget: float, n_iterations: int, working_directory: str) -> Result:
    # Step 1: start a nameserver, through which worker and optimizer find each other; port 0 means any free one.
    # Leaving the block stops it, whatever happened inside.
    with NameServer(run_id=RUN_ID, host="127.0.0.1", port=0) as name_server:
        # Step 2: start a worker, which evaluates configurations in the background.
        worker = DigitsWorker(run_id=RUN_ID, nameserver=name_server.host, nameserver_port=name_server.port)
        worker.run(background=True)

        # Step 3: run the optimizer.
        with BOHB(
            configspace=DigitsWorker.get_configspace(),
            run_id=RUN_ID,
            nameserver=name_server.host,
            nameserver_port=name_server.port,
            working_directory=working_directory,
            min_budget=min_budget,
            max_budget=max_budget,
            seed=1,
        ) as bohb:
            bohb.plan(n_iterations)
            return bohb.run(n_iterations=n_iterations)
        # Step 4: stop everything. Leaving the two blocks does it: first the optimizer with its worker, then the
        # nameserver.


def report(result: Result, max_budget: float) -> None:
    # Step 5: look at what was found.
    id2config = result.get_id2config_mapping()
    incumbent = result.get_incumbent_id()
    if incumbent is None:
        sys.exit("No run on max_budget succeeded, so there is no best configuration.")
    runs = result.get_all_runs()
    print("Best found configuration:", id2config[incumbent]["config"])
    print(f"A total of {len(id2config)} unique configurations were sampled.")
    print(f"A total of {len(runs)} runs were executed.")
    print(f"Total budget corresponds to {sum(run.budget for run in runs) / max_budget:.1f} full function evaluations.")

    # The incumbent was chosen by its loss on the validation data; these are pictures that no decision has seen.
    best_run = result.get_runs_by_id(incumbent)[-1]
    print(f"It reads {best_run.info['test accuracy']:.1%} of the test pictures correctly.")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
