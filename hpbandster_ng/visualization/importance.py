"""Which hyperparameters the loss depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hpbandster_ng.analysis.importance import importance
from hpbandster_ng.analysis.surrogate import modelled
from hpbandster_ng.core.result import Result
from hpbandster_ng.core.space_parameters import space_parameters
from hpbandster_ng.visualization import figure as look
from hpbandster_ng.visualization.backends import drawn
from hpbandster_ng.visualization.palette import ACCENT, GRID, INK, MUTED, NEUTRAL, SOFT_ACCENT
from hpbandster_ng.visualization.views import ImportanceBar, ImportanceView, importance_view

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["parameter_importance"]


def parameter_importance(
    result: Result,
    config_space: ConfigurationSpace | None = None,
    budget: float | None = None,
    seed: int = 0,
    show: bool = False,
    *,
    backend: str = "matplotlib",
) -> Any:
    """Which share of the variance of the loss each hyperparameter has: a functional analysis of variance.

    The dark bar is what a hyperparameter does by itself, whatever the others are; the light one is what it does
    together with others; the line is the spread of the sum over the model's trees. Pairs that interact follow. What
    does not reach beyond the dotted line is grey: a hyperparameter that does nothing can come as far.
    :mod:`hpbandster_ng.analysis.importance` says how it is computed, and
    :func:`~hpbandster_ng.analysis.observations.comparable` how losses on several budgets are compared.

    Args:
        result: of a run.
        config_space: the space that was searched, which tells the ranges and scales of numbers; without it they are as
            the configurations look.
        budget: the runs on this budget alone; by default all, moved to what they would be on the largest.
        seed: of the model; the same one gives the same picture.
        show: open a window.
        backend: ``"matplotlib"`` or ``"plotly"``.

    Raises:
        InvalidArgumentError: fewer than ten configurations have a loss, or they have no hyperparameter.
        MissingExtraError: the backend is not installed.
    """
    configs = {config_id: datum.config for config_id, datum in result.data.items()}
    parameters = () if config_space is None else space_parameters(config_space, list(configs.values()))
    rng = np.random.default_rng(seed)
    surrogate, observed = modelled(result.get_all_runs(), configs, rng, parameters=parameters, budget=budget)
    view = importance_view(importance(surrogate), observed)
    return drawn(backend, show, lambda: _draw(view), lambda plotly: plotly.parameter_importance(view))


def _draw(view: ImportanceView) -> tuple[Figure, Axes]:
    figure, axes = look.new_figure(view.title, height=2.0 + 0.32 * len(view.bars))
    rows = np.arange(len(view.bars))
    axes.barh(rows, [bar.total for bar in view.bars], height=0.62, color=[_colors(bar)[1] for bar in view.bars])
    axes.barh(rows, [bar.main for bar in view.bars], height=0.62, color=[_colors(bar)[0] for bar in view.bars])
    spreads = [min(bar.spread, 1.0) for bar in view.bars]
    axes.errorbar([bar.total for bar in view.bars], rows, xerr=spreads, fmt="none", ecolor=INK, elinewidth=1.0)
    if view.noise:
        axes.axvline(view.noise, color=INK, linewidth=1.0, linestyle=":", label="noise reaches so far")
    for name, color in (("by itself", ACCENT), ("with others", SOFT_ACCENT), ("interaction", NEUTRAL)):
        if name != "interaction" or any(bar.is_pair for bar in view.bars):
            axes.barh(0, 0, color=color, label=name)
    if not all(bar.is_told for bar in view.bars):
        axes.barh(0, 0, color=MUTED, label="may be noise")
    axes.set_yticks(rows, [bar.label for bar in view.bars], parse_math=False)
    axes.set_ylim(len(view.bars) - 0.4, -0.6)
    axes.set_xlim(0, max(1.0, *(bar.total for bar in view.bars)))
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"share\n{view.subtitle}")
    axes.set_ylabel("hyperparameter")
    look.budget_legend(axes)
    return figure, axes


def _colors(bar: ImportanceBar) -> tuple[str, str]:
    if not bar.is_told:
        return MUTED, GRID
    return (NEUTRAL, NEUTRAL) if bar.is_pair else (ACCENT, SOFT_ACCENT)
