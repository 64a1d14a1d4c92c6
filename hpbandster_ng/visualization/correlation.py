"""How far the losses on one budget tell those on another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

from hpbandster_ng.core.result import Result
from hpbandster_ng.core.run import ConfigId
from hpbandster_ng.visualization import figure as look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["correlation_across_budgets"]

_FEWEST = 3
"""Two configurations correlate by +1 or -1 always."""
_MOST_LEVEL_LABELS = 6


def correlation_across_budgets(results_object: Result, show: bool = False) -> tuple[Figure, Axes]:
    """Spearman's rank correlation of the losses of the configurations that two budgets share.

    A correlation near 1 says that the ranking on the smaller budget holds on the larger one, which is what makes
    successive halving work. Each cell tells the number of configurations it rests on; below three, or where all
    losses on one budget are equal, there is no correlation. The diagonal tells how many each budget has.

    Args:
        results_object: the result of a run.
        show: open a window.

    Raises:
        InvalidArgumentError: no run was successful.
        MissingExtraError: matplotlib is not installed.
    """
    losses: dict[float, dict[ConfigId, float]] = {}
    for run, loss in look.successful_runs(results_object.get_all_runs()):
        losses.setdefault(run.budget, {})[run.config_id] = loss
    budgets = sorted(losses)
    figure, axes = look.new_figure(
        "Rank correlation of the losses across budgets",
        width=max(5.6, 1.1 + 0.8 * len(budgets)),
        height=max(4.6, 0.9 + 0.7 * len(budgets)),
    )
    rho = np.full((len(budgets), len(budgets)), np.nan)
    for row, large in enumerate(budgets):
        for column, small in enumerate(budgets[: row + 1]):
            shared = sorted(losses[large].keys() & losses[small].keys())
            pair = [[losses[budget][config_id] for config_id in shared] for budget in (large, small)]
            rho[row, column] = _spearman(*pair) if row != column else math.nan
            _write(axes, row, column, rho[row, column], len(shared))
    if len(budgets) == 1:
        axes.text(0, 0.1, "one budget: nothing to compare", ha="center", va="center", color=look.MUTED)
    image = axes.imshow(rho, vmin=-1, vmax=1, cmap=look.pyplot().get_cmap("RdBu"))
    figure.colorbar(image, ax=axes, label="Spearman's rank correlation", shrink=0.85)
    labels = [look.budget_label(budget) for budget in budgets]
    axes.set_xticks(range(len(budgets)), labels, rotation=0 if len(budgets) <= _MOST_LEVEL_LABELS else 45)
    axes.set_yticks(range(len(budgets)), labels)
    axes.set_xlabel("budget")
    axes.set_ylabel("budget")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return look.finish(figure, axes, show)


def _spearman(first: list[float], second: list[float]) -> float:
    """NaN where it is not defined: too few pairs, or all losses on one side are equal."""
    if len(first) < _FEWEST or len(set(first)) == 1 or len(set(second)) == 1:
        return math.nan
    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])


def _write(axes: Axes, row: int, column: int, rho: float, count: int) -> None:
    if not count:
        return
    text = f"n = {count}" if math.isnan(rho) else f"{rho:.2f}\nn = {count}"
    color = "white" if abs(rho) > 0.65 else look.MUTED if math.isnan(rho) else look.INK
    axes.text(column, row, text, ha="center", va="center", fontsize=9, color=color)
