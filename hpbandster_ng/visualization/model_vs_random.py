"""Whether the model picks better configurations than chance does."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hpbandster_ng.core.run import ConfigId, Run
from hpbandster_ng.visualization import figure as look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["performance_histogram_model_vs_random"]

_GROUPS = {False: ("random", look.NEUTRAL), True: ("model-based", look.ACCENT)}
_MOST_BINS = 40


def performance_histogram_model_vs_random(
    runs: Iterable[Run], id2conf: Mapping[ConfigId, Mapping[str, Any]], show: bool = False
) -> tuple[Figure, np.ndarray]:
    """The losses of configurations that the model picked, beside those of random picks, budget by budget.

    Bars are shares of their group, as one group is larger than the other; dashed lines are medians. On the budgets
    above a bracket's lowest, both groups are already a selection.

    Args:
        runs: ``result.get_all_runs()``.
        id2conf: ``result.get_id2config_mapping()``; a pick whose ``config_info`` does not say ``model_based_pick``
            counts as random.
        show: open a window.

    Returns:
        The figure, and an array of axes of shape (budgets,), by ascending budget.

    Raises:
        InvalidArgumentError: no run was successful.
        MissingExtraError: matplotlib is not installed.
    """
    losses: dict[float, dict[bool, list[float]]] = {}
    for run, loss in look.successful_runs(runs):
        is_from_model = bool(id2conf[run.config_id]["config_info"].get("model_based_pick", False))
        losses.setdefault(run.budget, {False: [], True: []})[is_from_model].append(loss)
    every_loss = [loss for groups in losses.values() for group in groups.values() for loss in group]
    figure, axes = look.new_figure(
        "Loss of model-based and of random configurations (dashed: medians)",
        rows=len(losses),
        height=1.2 + 1.9 * len(losses),
        sharex=True,
        squeeze=False,
    )
    axes = axes[:, 0]
    is_log = look.spans_magnitudes(every_loss)
    if is_log:
        axes[0].set_xscale("log")
    bins = _bins(every_loss, is_log)
    for each, budget in zip(axes, sorted(losses), strict=True):
        _draw(each, losses[budget], bins)
        each.set_ylabel(f"budget {look.budget_label(budget)}\nshare of runs")
    axes[-1].set_xlabel("loss")
    return look.finish(figure, axes, show)


def _bins(losses: list[float], is_log: bool) -> np.ndarray:
    count = min(_MOST_BINS, max(8, math.ceil(2 * math.sqrt(len(losses)))))
    if is_log:
        return np.geomspace(min(losses), max(losses), count + 1)
    return np.histogram_bin_edges(losses, count)


def _draw(axes: Axes, groups: Mapping[bool, list[float]], bins: np.ndarray) -> None:
    for is_from_model, group in groups.items():
        name, color = _GROUPS[is_from_model]
        share = np.full(len(group), 1.0 / max(1, len(group)))
        axes.hist(
            group,
            bins.tolist(),
            weights=share,
            color=color,
            alpha=0.5,
            label=f"{name} (n = {len(group)})",
            histtype="stepfilled",
            edgecolor=color,
            linewidth=1.2,
        )
        if group:
            axes.axvline(float(np.median(group)), color=color, linewidth=1.6, linestyle=(0, (4, 2)))
    look.budget_legend(axes)
