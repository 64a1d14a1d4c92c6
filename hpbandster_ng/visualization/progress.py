"""How many runs were going on, and how many had finished."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from hpbandster_ng.analysis.progress import ConcurrentRuns, FinishedRuns, concurrent_runs, finished_runs
from hpbandster_ng.core.run import Run
from hpbandster_ng.visualization import figure as look
from hpbandster_ng.visualization.backends import drawn
from hpbandster_ng.visualization.palette import INK, TIME_LABEL, budget_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["concurrent_runs_over_time", "finished_runs_over_time"]


def concurrent_runs_over_time(
    runs: Iterable[Run], num_points: int = 512, show: bool = False, *, backend: str = "matplotlib"
) -> Any:
    """How many runs were going on at the same time: the budgets stacked, the largest at the bottom.

    Args:
        runs: ``result.get_all_runs()``; those that no worker ever started do not count.
        num_points: runs are counted whenever one starts or ends; where that happens more often than ``num_points``
            times, at so many evenly spread moments.
        show: open a window.
        backend: ``"matplotlib"`` or ``"plotly"``.

    Raises:
        InvalidArgumentError: no run was ever started, or ``num_points`` is less than 2.
        MissingExtraError: the backend is not installed.
    """
    told = concurrent_runs(runs, num_points)
    return drawn(backend, show, lambda: _draw_concurrent(told), lambda plotly: plotly.concurrent_runs_over_time(told))


def _draw_concurrent(told: ConcurrentRuns) -> tuple[Figure, Axes]:
    figure, axes = look.new_figure("Concurrent runs", height=4.2)
    below = np.zeros(len(told.edges) - 1, dtype=np.int64)
    for budget, color in reversed(look.budget_colors(list(told.counts)).items()):
        above = below + told.counts[budget]
        # an edge of its own colour keeps a run visible that is shorter than a pixel, and a pause as short invisible
        axes.stairs(
            np.where(above > below, above, np.nan),
            told.edges,
            baseline=below,
            fill=True,
            facecolor=color,
            edgecolor=color,
            linewidth=0.6,
            label=budget_label(budget),
        )
        below = above
    look.mark_the_start(axes, told.begin)
    axes.set_xlabel(TIME_LABEL)
    axes.set_ylabel("concurrent runs")
    look.count_from_zero(axes)
    look.budget_legend(axes, title="budget", reverse=True)
    return figure, axes


def finished_runs_over_time(runs: Iterable[Run], show: bool = False, *, backend: str = "matplotlib") -> Any:
    """How many runs had finished, successful or not, on each budget and in all.

    Args:
        runs: ``result.get_all_runs()``.
        show: open a window.
        backend: ``"matplotlib"`` or ``"plotly"``.

    Raises:
        InvalidArgumentError: there is no run.
        MissingExtraError: the backend is not installed.
    """
    told = finished_runs(runs)
    return drawn(backend, show, lambda: _draw_finished(told), lambda plotly: plotly.finished_runs_over_time(told))


def _draw_finished(told: FinishedRuns) -> tuple[Figure, Axes]:
    figure, axes = look.new_figure("Finished runs")
    if len(told.times) > 1:
        axes.step(*told.steps(told.all_times), where="post", color=INK, linewidth=1.8, label="all budgets")
    for budget, color in look.budget_colors(list(told.times)).items():
        label = budget_label(budget)
        axes.step(*told.steps(told.times[budget]), where="post", color=color, linewidth=1.8, label=label)
    look.mark_the_start(axes, told.first_end)
    axes.set_xlabel(TIME_LABEL)
    axes.set_ylabel("finished runs")
    look.count_from_zero(axes)
    look.budget_legend(axes, title="budget")
    return figure, axes
