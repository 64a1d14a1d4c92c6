"""Losses over time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from hpbandster_ng.analysis import losses as analysis
from hpbandster_ng.core.run import Run
from hpbandster_ng.visualization import figure as look
from hpbandster_ng.visualization.backends import drawn
from hpbandster_ng.visualization.palette import INK, MUTED, TIME_LABEL, budget_label, outcome_marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

__all__ = ["losses_over_time"]


def _loss(run: Run) -> float | None:
    return run.loss


def losses_over_time(
    runs: Iterable[Run],
    get_loss_from_run_fn: Callable[[Run], float | None] = _loss,
    cmap: Colormap | str | None = None,
    show: bool = False,
    *,
    backend: str = "matplotlib",
) -> Any:
    """Each run's loss when it finished, and the best so far on each budget.

    Runs without a loss stand at the upper edge, each kind of failure with a mark of its own. The loss axis is
    logarithmic where losses span orders of magnitude.

    Args:
        runs: ``result.get_all_runs()``.
        get_loss_from_run_fn: another value of a successful run, such as ``lambda run: run.info["test loss"]``.
        cmap: colours of the budgets; by default from bright to dark with the budget.
        show: open a window.
        backend: ``"matplotlib"`` or ``"plotly"``.

    Raises:
        InvalidArgumentError: no run has a finite loss.
        MissingExtraError: the backend is not installed.
    """
    told = analysis.losses_over_time(runs, get_loss_from_run_fn)
    return drawn(backend, show, lambda: _draw(told, cmap), lambda plotly: plotly.losses_over_time(told, cmap))


def _draw(told: analysis.LossesOverTime, cmap: Colormap | str | None) -> tuple[Figure, Axes]:
    figure, axes = look.new_figure("Loss of each run, and the best so far on its budget")
    colors = look.budget_colors([each.budget for each in told.on_budgets], cmap)
    for each in told.on_budgets:
        color, label = colors[each.budget], budget_label(each.budget)
        axes.plot(each.times, each.losses, "o", color=color, markersize=4.5, alpha=0.75, markeredgewidth=0, label=label)
        times, best = np.append(each.times, told.end), np.append(each.best, each.best[-1])
        axes.step(times, best, where="post", color=color, linewidth=1.6)
    axes.plot([], [], color=MUTED, linewidth=1.6, label="best so far")
    for failures in told.failures:
        axes.plot(
            failures.times,
            [1.0] * len(failures.times),
            outcome_marks[failures.outcome][0],
            color=INK,
            fillstyle="none",
            markersize=6,
            transform=axes.get_xaxis_transform(),  # the upper edge
            clip_on=False,
            label=f"{failures.outcome.value} ({len(failures.times)})",
        )
    look.mark_the_start(axes, told.begin)
    if told.is_log:
        axes.set_yscale("log")
    axes.set_xlabel(TIME_LABEL)
    axes.set_ylabel("loss")
    look.budget_legend(axes, title="budget")
    return figure, axes
