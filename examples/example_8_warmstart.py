"""Example 8: start a new run with what an old one found.

Run example 5 first; this example reads the log that it left, and runs locally and sequentially:

    python examples/example_8_warmstart.py

The configurations and losses of the old run are told to the model of the new one, which therefore need not begin with
random configurations. The search space must be the same; the problem may have changed a little, as it does when new
data have come in. In the result, the old configurations have the iteration -1.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile

from digits_worker import get_worker_class

from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.core.result import Result, logged_results_to_HBS_result
from hpbandster_ng.optimizers import BOHB

RUN_ID = "example8"


def main() -> None:
    parser = argparse.ArgumentParser(description="Example 8: a run that starts with the result of another.")
    parser.add_argument("--min_budget", type=float, default=1, help="epochs of the shortest runs")
    parser.add_argument("--max_budget", type=float, default=27, help="epochs of the longest runs")
    parser.add_argument("--n_iterations", type=int, default=4, help="number of brackets")
    parser.add_argument("--shared_directory", default="digits_run", help="the directory that example 5 logged into")
    parser.add_argument("--backend", choices=["sklearn", "torch"], default="sklearn", help="that of example 5")
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)

    # Step 1: load the old run.
    previous_result = logged_results_to_HBS_result(args.shared_directory)

    # Step 2: run the new one. Its configurations have the same ids as the old ones had, so it needs a directory of its
    # own for the checkpoints.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as working_directory:
        result = optimize(args, previous_result, working_directory)

    # Step 3: tell the old from the new.
    report(result, args.max_budget)


def optimize(args: argparse.Namespace, previous_result: Result, working_directory: str) -> Result:
    with NameServer(run_id=RUN_ID, host="127.0.0.1", port=0) as name_server:
        worker = get_worker_class(args.backend)(
            run_id=RUN_ID, nameserver=name_server.host, nameserver_port=name_server.port
        )
        worker.run(background=True)
        with BOHB(
            configspace=worker.get_configspace(),
            run_id=RUN_ID,
            nameserver=name_server.host,
            nameserver_port=name_server.port,
            working_directory=working_directory,
            min_budget=args.min_budget,
            max_budget=args.max_budget,
            previous_result=previous_result,
        ) as bohb:
            return bohb.run(n_iterations=args.n_iterations)


def report(result: Result, max_budget: float) -> None:
    id2config = result.get_id2config_mapping()
    old = [config_id for config_id in id2config if config_id[0] < 0]
    new = [config_id for config_id in id2config if config_id[0] >= 0]
    by_model = [config_id for config_id in new if id2config[config_id]["config_info"]["model_based_pick"]]
    new_runs = [run for run in result.get_all_runs() if run.config_id[0] >= 0]
    incumbent = result.get_incumbent_id()
    if incumbent is None:
        sys.exit("No run on max_budget succeeded, so there is no best configuration.")

    print("Best found configuration:", id2config[incumbent]["config"])
    print("It comes from the", "old run." if incumbent[0] < 0 else "new run.")
    print(
        f"{len(old)} configurations were known before; {len(new)} were sampled, {len(by_model)} of them by the model."
    )
    print(f"A total of {len(new_runs)} new runs were executed.")
    full_evaluations = sum(run.budget for run in new_runs) / max_budget
    print(f"Their budget corresponds to {full_evaluations:.1f} full function evaluations.")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
