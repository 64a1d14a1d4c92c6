"""All configurations on parallel axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hpbandster_ng.analysis.parallel_coordinates import ParallelCoordinates, axis_ticks, loss_ticks
from hpbandster_ng.analysis.parallel_coordinates import parallel_coordinates as computed
from hpbandster_ng.core.result import Result
from hpbandster_ng.core.space_parameters import space_parameters
from hpbandster_ng.visualization import figure as look
from hpbandster_ng.visualization.backends import drawn
from hpbandster_ng.visualization.palette import INK, MUTED, budget_label

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["parallel_coordinates"]

_LONGEST = 14


def parallel_coordinates(
    result: Result,
    config_space: ConfigurationSpace | None = None,
    budget: float | None = None,
    max_configs: int = 500,
    show: bool = False,
    *,
    backend: str = "matplotlib",
) -> Any:
    """The configurations that ran on one budget as lines across an axis for each hyperparameter and one for the loss.

    Lines are coloured by the rank of the loss, the best dark and in front. A line that dips below an axis belongs to a
    configuration in which that hyperparameter is inactive. In Plotly, a range that is drawn on an axis by the mouse
    selects lines.

    Args:
        result: of a run.
        config_space: the space that was searched, which tells the ranges and scales of the axes; without it they are
            as the configurations look.
        budget: which; by default the largest on which at least ten configurations succeeded.
        max_configs: of more, half are the best, and the other half are spread evenly over the ranks of the others.
        show: open a window.
        backend: ``"matplotlib"`` or ``"plotly"``.

    Raises:
        InvalidArgumentError: no run was successful, none on ``budget`` was, or there is no hyperparameter.
        MissingExtraError: the backend is not installed.
    """
    configs = {config_id: datum.config for config_id, datum in result.data.items()}
    parameters = () if config_space is None else space_parameters(config_space, list(configs.values()))
    told = computed(result.get_all_runs(), configs, parameters, budget, max_configs)
    return drawn(backend, show, lambda: _draw(told), lambda plotly: plotly.parallel_coordinates(told))


def _draw(told: ParallelCoordinates) -> tuple[Figure, Axes]:
    count = len(told.parameters)
    figure, axes = look.new_figure(told.title, width=min(18.0, max(6.0, 2.6 + 1.3 * count)))
    from matplotlib.collections import LineCollection  # noqa: PLC0415 - an extra, which is there by now

    heights = np.column_stack([told.positions, told.loss_positions])
    lines = np.stack([np.broadcast_to(np.arange(count + 1), heights.shape), heights], axis=2)
    colors = look.pyplot().get_cmap("viridis")
    width = float(np.clip(60 / len(lines), 0.7, 1.6))
    collection = LineCollection(list(lines), colors=colors(0.9 * told.ranks), linewidths=width, alpha=0.75)
    axes.add_collection(collection)
    for column, parameter in enumerate(told.parameters):
        _draw_axis(axes, column, axis_ticks(told, parameter))
    _draw_axis(axes, count, loss_ticks(told), side=1)
    axes.set_xlim(-0.6, count + 0.6)
    axes.set_ylim(min(-0.03, float(heights.min()) - 0.03), 1.03)
    names = [*(each.name for each in told.parameters), "loss"]
    axes.set_xticks(range(count + 1), [_broken(name) for name in names], parse_math=False)
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)
    axes.set_xlabel(f"hyperparameters, and the loss on budget {budget_label(told.budget)}")
    axes.set_ylabel("value")
    scale = look.pyplot().cm.ScalarMappable(cmap=colors)
    bar = figure.colorbar(scale, ax=axes, label="rank of the loss", shrink=0.85, pad=0.02)
    bar.set_ticks([0, 1], labels=["best", "worst"])
    bar.ax.invert_yaxis()
    return figure, axes


def _draw_axis(axes: Axes, column: int, ticks: Sequence[tuple[float, str]], side: int = -1) -> None:
    axes.plot([column, column], [0, 1], color=MUTED, linewidth=1.0, zorder=3)
    box = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.7}
    for height, text in ticks:
        axes.plot([column, column + 0.04 * side], [height, height], color=MUTED, linewidth=0.8, zorder=3)
        place, align = column + 0.06 * side, "left" if side > 0 else "right"
        axes.text(
            place, height, text, ha=align, va="center", fontsize=8, color=INK, bbox=box, zorder=4, parse_math=False
        )


def _broken(name: str) -> str:
    """Long names go on in the next line."""
    return "\n".join(name[i : i + _LONGEST] for i in range(0, min(len(name), 3 * _LONGEST), _LONGEST))
