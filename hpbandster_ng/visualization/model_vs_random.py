"""Whether the model picks better configurations than chance does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hpbandster_ng.analysis.model_vs_random import ModelVsRandom, model_vs_random
from hpbandster_ng.core.run import ConfigId, Run
from hpbandster_ng.visualization import figure as look
from hpbandster_ng.visualization.backends import drawn
from hpbandster_ng.visualization.palette import budget_label, pick_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["performance_histogram_model_vs_random"]


def performance_histogram_model_vs_random(
    runs: Iterable[Run],
    id2conf: Mapping[ConfigId, Mapping[str, Any]],
    show: bool = False,
    *,
    backend: str = "matplotlib",
) -> Any:
    """The losses of configurations that the model picked, beside those of random picks, budget by budget.

    Bars are shares of their group, as one group is larger than the other; dashed lines are medians. On the budgets
    above a bracket's lowest, both groups are already a selection.

    Args:
        runs: ``result.get_all_runs()``.
        id2conf: ``result.get_id2config_mapping()``; a pick whose ``config_info`` does not say ``model_based_pick``
            counts as random.
        show: open a window.
        backend: ``"matplotlib"`` or ``"plotly"``.

    Returns:
        Of matplotlib the figure, and an array of axes of shape (budgets,), by ascending budget.

    Raises:
        InvalidArgumentError: no run was successful.
        MissingExtraError: the backend is not installed.
    """
    told = model_vs_random(
        runs, lambda config_id: bool(id2conf[config_id]["config_info"].get("model_based_pick", False))
    )
    return drawn(backend, show, lambda: _draw(told), lambda plotly: plotly.performance_histogram_model_vs_random(told))


def _draw(told: ModelVsRandom) -> tuple[Figure, np.ndarray]:
    figure, axes = look.new_figure(
        "Loss of model-based and of random configurations (dashed: medians)",
        rows=len(told.losses),
        height=1.2 + 1.9 * len(told.losses),
        sharex=True,
        squeeze=False,
    )
    axes = axes[:, 0]
    if told.is_log:
        axes[0].set_xscale("log")
    for each, budget in zip(axes, told.losses, strict=True):
        _draw_groups(each, told.losses[budget], told.bins)
        each.set_ylabel(f"budget {budget_label(budget)}\nshare of runs")
    axes[-1].set_xlabel("loss")
    return figure, axes


def _draw_groups(axes: Axes, groups: Mapping[bool, np.ndarray], bins: np.ndarray) -> None:
    for is_from_model, group in groups.items():
        name, color = pick_colors[is_from_model]
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
        if len(group):
            axes.axvline(float(np.median(group)), color=color, linewidth=1.6, linestyle=(0, (4, 2)))
    look.budget_legend(axes)
