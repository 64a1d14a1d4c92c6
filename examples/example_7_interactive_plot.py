"""Example 7: an interactive plot of all learning curves.

Run example 5 first; this example reads the log that it left:

    python examples/example_7_interactive_plot.py

A window opens. Each line is a configuration: its loss on each budget. Click on a line to see the configuration; the
boxes and buttons choose which iterations are drawn. ``--no-show`` writes a picture beside the log in place of the
window; it is the only way where there is no display.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

from hpbandster_ng.core.result import logged_results_to_HBS_result
from hpbandster_ng.visualization import default_tool_tips, interactive_HBS_plot


def main() -> None:
    parser = argparse.ArgumentParser(description="Example 7: an interactive plot of a run.")
    parser.add_argument("--shared_directory", default="digits_run", help="the directory that example 5 logged into")
    parser.add_argument("--show", action=argparse.BooleanOptionalAction, default=True, help="open a window")
    args = parser.parse_args()
    path = Path(args.shared_directory, "learning_curves.png")
    if not args.show:
        mpl.use("Agg")  # draws into files and needs no display
    elif mpl.get_backend().lower() == "agg":  # which matplotlib falls back on
        sys.exit(f"There is no display here, or no toolkit such as tkinter to open a window; --no-show writes {path}.")

    # Step 1: load the log.
    result = logged_results_to_HBS_result(args.shared_directory)

    # Step 2: a learning curve for each configuration, and what is to be shown when it is clicked on.
    learning_curves = result.get_learning_curves()
    tool_tips = default_tool_tips(result, learning_curves)

    # Step 3: plot.
    interactive_HBS_plot(learning_curves, tool_tip_strings=tool_tips, show=args.show)
    if not args.show:
        plt.gcf().savefig(path)
        print("Plot:", path)
    plt.close("all")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
