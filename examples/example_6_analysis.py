"""Example 6: what a run can tell afterwards.

Run example 5 first; this example reads the log that it left:

    python examples/example_6_analysis.py

It prints what was found and how the search came there, and writes seven plots beside the log; with ``--show``, it also
opens them in windows. Any other run that had a ``json_result_logger`` can be looked at like this, even while it is
still going on, and so can the ``results.pkl`` of example 4.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from hpbandster_ng import visualization
from hpbandster_ng.core.result import Result, logged_results_to_HBS_result


def main() -> None:
    parser = argparse.ArgumentParser(description="Example 6: the analysis of a run.")
    parser.add_argument("--shared_directory", default="digits_run", help="the directory that example 5 logged into")
    parser.add_argument(
        "--show", action=argparse.BooleanOptionalAction, default=False, help="open the plots in windows"
    )
    args = parser.parse_args()
    if not args.show:
        mpl.use("Agg")  # draws into files and needs no display

    # Step 1: load the log.
    result = logged_results_to_HBS_result(args.shared_directory)

    # Step 2: read it.
    describe_incumbent(result)
    describe_search(result)

    # Step 3: look at it.
    for name, figure in draw(result).items():
        path = Path(args.shared_directory, f"{name}.png")
        figure.savefig(path)
        print("Plot:", path)
    if args.show:
        plt.show()
    plt.close("all")


def describe_incumbent(result: Result) -> None:
    # The incumbent is the configuration with the lowest loss on the largest budget. It has one run on each budget that
    # it was promoted to, and each run has its loss, the info that compute returned, and time stamps.
    incumbent = result.get_incumbent_id()
    if incumbent is None:
        print("Nothing has finished on the largest budget yet.")
        return
    print("Best found configuration:")
    for name, value in result.get_id2config_mapping()[incumbent]["config"].items():
        print(f"    {name}: {value}")
    print("Its runs:")
    for run in result.get_runs_by_id(incumbent):
        seconds = run.time_stamps["finished"] - run.time_stamps["started"]
        accuracy = run.info["test accuracy"]
        print(f"    budget {run.budget:g}: loss {run.loss:.4f}, test accuracy {accuracy:.1%}, {seconds:.2f} seconds")


def describe_search(result: Result) -> None:
    # A run that failed has no loss, and a traceback in error_logs.
    runs = result.get_all_runs()
    failed = [run for run in runs if run.loss is None]
    print(f"{len(result.get_id2config_mapping())} configurations in {len(runs)} runs, {len(failed)} of which failed.")

    # How the best loss so far went down, and on which budget it was seen.
    trajectory = result.get_incumbent_trajectory()
    print("The way there:")
    for at, budget, loss in zip(trajectory["times_finished"], trajectory["budgets"], trajectory["losses"], strict=True):
        print(f"    after {at:6.1f} seconds, budget {budget:g}: loss {loss:.4f}")


def draw(result: Result) -> dict[str, Figure]:
    runs = result.get_all_runs()
    id2config = result.get_id2config_mapping()
    # Each function returns the figure and its axes, which may be changed before they are saved.
    plots = {
        # The loss of every run over time, one colour for each budget.
        "losses_over_time": visualization.losses_over_time(runs),
        # How many runs went on at once: idle workers show as valleys.
        "concurrent_runs_over_time": visualization.concurrent_runs_over_time(runs),
        # How many runs had finished on each budget.
        "finished_runs_over_time": visualization.finished_runs_over_time(runs),
        # How many configurations of each iteration reached each budget.
        "rung_survival": visualization.rung_survival(runs),
        # Whether losses on a small budget say anything about losses on a larger one: Spearman's rank correlation.
        # If they do not, raise min_budget.
        "correlation_across_budgets": visualization.correlation_across_budgets(result),
        # Whether the configurations that the model picked are better than random ones.
        "performance_histogram_model_vs_random": visualization.performance_histogram_model_vs_random(runs, id2config),
        # Where good configurations lie, hyperparameter by hyperparameter.
        "parallel_coordinates": visualization.parallel_coordinates(result),
    }
    return {name: figure for name, (figure, _) in plots.items()}


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
