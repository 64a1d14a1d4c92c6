"""Losses over time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from hpbandster_ng.core.run import OutcomeState, Run
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.visualization import figure as look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

__all__ = ["losses_over_time"]


_MARKERS = {
    OutcomeState.FAILED: "x",
    OutcomeState.INVALID: "+",
    OutcomeState.TIMED_OUT: "v",
    OutcomeState.LOST: "s",
}


def _loss(run: Run) -> float | None:
    return run.loss


def losses_over_time(
    runs: Iterable[Run],
    get_loss_from_run_fn: Callable[[Run], float | None] = _loss,
    cmap: Colormap | str | None = None,
    show: bool = False,
) -> tuple[Figure, Axes]:
    """Each run's loss when it finished, and the best so far on each budget.

    Runs without a loss stand at the upper edge, each kind of failure with a mark of its own. The loss axis is
    logarithmic where losses span orders of magnitude.

    Args:
        runs: ``result.get_all_runs()``.
        get_loss_from_run_fn: another value of a successful run, such as ``lambda run: run.info["test loss"]``.
        cmap: colours of the budgets; by default from bright to dark with the budget.
        show: open a window.

    Raises:
        InvalidArgumentError: no run has a finite loss.
        MissingExtraError: matplotlib is not installed.
    """
    runs = list(runs)
    points = _points([run for run, _ in look.successful_runs(runs)], get_loss_from_run_fn)
    end = max(run.time_stamps["finished"] for run in runs)
    figure, axes = look.new_figure("Loss of each run, and the best so far on its budget")
    colors = look.budget_colors(sorted(points), cmap)
    for budget, color in colors.items():
        times, losses = np.array(sorted(points[budget])).T
        label = look.budget_label(budget)
        axes.plot(times, losses, "o", color=color, markersize=4.5, alpha=0.75, markeredgewidth=0, label=label)
        best = np.minimum.accumulate(losses)
        axes.step(np.append(times, end), np.append(best, best[-1]), where="post", color=color, linewidth=1.6)
    axes.plot([], [], color=look.MUTED, linewidth=1.6, label="best so far")
    _mark_failures(axes, runs)
    look.mark_the_start(axes, (run.time_stamps["finished"] for run in runs))
    if look.spans_magnitudes([loss for each in points.values() for _, loss in each]):
        axes.set_yscale("log")
    axes.set_xlabel(look.TIME_LABEL)
    axes.set_ylabel("loss")
    look.budget_legend(axes, title="budget")
    return look.finish(figure, axes, show)


def _points(
    runs: Iterable[Run], get_loss_from_run_fn: Callable[[Run], float | None]
) -> dict[float, list[tuple[float, float]]]:
    points: dict[float, list[tuple[float, float]]] = {}
    for run in runs:
        loss = get_loss_from_run_fn(run)
        if loss is not None and math.isfinite(loss):
            points.setdefault(run.budget, []).append((run.time_stamps["finished"], loss))
    if not points:
        raise InvalidArgumentError(
            "get_loss_from_run_fn",
            get_loss_from_run_fn,
            "must give a finite number for at least one successful run",
            "look at run.info of a run",
        )
    return points


def _mark_failures(axes: Any, runs: Iterable[Run]) -> None:
    failures = [run for run in runs if not run.is_success]
    for outcome, marker in _MARKERS.items():
        times = [run.time_stamps["finished"] for run in failures if run.outcome is outcome]
        if times:
            axes.plot(
                times,
                [1.0] * len(times),
                marker,
                color=look.INK,
                fillstyle="none",
                markersize=6,
                transform=axes.get_xaxis_transform(),  # the upper edge
                clip_on=False,
                label=f"{outcome.value} ({len(times)})",
            )
