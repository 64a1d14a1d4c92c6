"""How many runs were going on, and how many had finished."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from hpbandster_ng.core.run import Run
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.visualization import figure as look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["concurrent_runs_over_time", "finished_runs_over_time"]


def concurrent_runs_over_time(runs: Iterable[Run], num_points: int = 512, show: bool = False) -> tuple[Figure, Axes]:
    """How many runs were going on at the same time: the budgets stacked, the largest at the bottom.

    Args:
        runs: ``result.get_all_runs()``; those that no worker ever started do not count.
        num_points: runs are counted whenever one starts or ends; where that happens more often than ``num_points``
            times, at so many evenly spread moments.
        show: open a window.

    Raises:
        InvalidArgumentError: no run was ever started, or ``num_points`` is less than 2.
        MissingExtraError: matplotlib is not installed.
    """
    started = [run for run in runs if "started" in run.time_stamps]
    if not started:
        raise InvalidArgumentError("runs", [], "must contain a run that was started", "pass result.get_all_runs()")
    if num_points < 2:
        raise InvalidArgumentError("num_points", num_points, "must be at least 2", "512 is the default")
    starts, ends = _interval(started)
    times = np.unique(np.concatenate([starts, ends]))
    if len(times) > num_points:
        times = np.linspace(times[0], times[-1], num_points)
    figure, axes = look.new_figure("Concurrent runs", height=4.2)
    below = np.zeros(max(1, len(times) - 1), dtype=int)
    edges = times if len(times) > 1 else np.repeat(times, 2)
    for budget, color in reversed(look.budget_colors(look.budgets_of(started)).items()):
        above = below + _num_running(edges[:-1], [run for run in started if run.budget == budget])
        # an edge of its own colour keeps a run visible that is shorter than a pixel, and a pause as short invisible
        axes.stairs(
            np.where(above > below, above, np.nan),
            edges,
            baseline=below,
            fill=True,
            facecolor=color,
            edgecolor=color,
            linewidth=0.6,
            label=look.budget_label(budget),
        )
        below = above
    look.mark_the_start(axes, starts)
    axes.set_xlabel(look.TIME_LABEL)
    axes.set_ylabel("concurrent runs")
    look.count_from_zero(axes)
    look.budget_legend(axes, title="budget", reverse=True)
    return look.finish(figure, axes, show)


def _interval(runs: list[Run]) -> tuple[np.ndarray, np.ndarray]:
    stamps = [(run.time_stamps["started"], run.time_stamps["finished"]) for run in runs]
    starts, ends = np.array(stamps, dtype=float).T
    return starts, ends


def _num_running(times: np.ndarray, runs: list[Run]) -> np.ndarray:
    starts, ends = _interval(runs)
    return np.searchsorted(np.sort(starts), times, "right") - np.searchsorted(np.sort(ends), times, "right")


def finished_runs_over_time(runs: Iterable[Run], show: bool = False) -> tuple[Figure, Axes]:
    """How many runs had finished, successful or not, on each budget and in all.

    Args:
        runs: ``result.get_all_runs()``.
        show: open a window.

    Raises:
        InvalidArgumentError: there is no run.
        MissingExtraError: matplotlib is not installed.
    """
    runs = list(runs)
    if not runs:
        raise InvalidArgumentError("runs", [], "must contain at least one run", "pass result.get_all_runs()")
    ends = sorted(run.time_stamps["finished"] for run in runs)
    first = min(0.0, *(run.time_stamps.get("submitted", ends[0]) for run in runs), ends[0])
    figure, axes = look.new_figure("Finished runs")
    budgets = look.budget_colors(look.budgets_of(runs))
    if len(budgets) > 1:
        _draw_count(axes, ends, (first, ends[-1]), color=look.INK, label="all budgets")
    for budget, color in budgets.items():
        times = sorted(run.time_stamps["finished"] for run in runs if run.budget == budget)
        _draw_count(axes, times, (first, ends[-1]), color=color, label=look.budget_label(budget))
    look.mark_the_start(axes, ends)
    axes.set_xlabel(look.TIME_LABEL)
    axes.set_ylabel("finished runs")
    look.count_from_zero(axes)
    look.budget_legend(axes, title="budget")
    return look.finish(figure, axes, show)


def _draw_count(axes: Axes, times: list[float], span: tuple[float, float], color: object, label: str) -> None:
    counts = np.arange(len(times) + 1)
    x = np.concatenate([[span[0]], times, [span[1]]])
    axes.step(x, np.append(counts, counts[-1]), where="post", color=color, linewidth=1.8, label=label)
