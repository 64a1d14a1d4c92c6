"""How far the losses on one budget tell those on another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from hpbandster_ng.analysis.rank_correlation import RankCorrelation, rank_correlation
from hpbandster_ng.core.result import Result
from hpbandster_ng.visualization import figure as look
from hpbandster_ng.visualization.backends import drawn
from hpbandster_ng.visualization.palette import INK, MUTED, budget_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["correlation_across_budgets"]

_MOST_LEVEL_LABELS = 6


def correlation_across_budgets(results_object: Result, show: bool = False, *, backend: str = "matplotlib") -> Any:
    """Spearman's rank correlation of the losses of the configurations that two budgets share.

    A correlation near 1 says that the ranking on the smaller budget holds on the larger one, which is what makes
    successive halving work. Each cell tells the number of configurations it rests on; below three, or where all
    losses on one budget are equal, there is no correlation. The diagonal tells how many each budget has.

    Args:
        results_object: the result of a run.
        show: open a window.
        backend: ``"matplotlib"`` or ``"plotly"``.

    Raises:
        InvalidArgumentError: no run was successful.
        MissingExtraError: the backend is not installed.
    """
    told = rank_correlation(results_object.get_all_runs())
    return drawn(backend, show, lambda: _draw(told), lambda plotly: plotly.correlation_across_budgets(told))


def _draw(told: RankCorrelation) -> tuple[Figure, Axes]:
    count = len(told.budgets)
    figure, axes = look.new_figure(
        "Rank correlation of the losses across budgets",
        width=max(5.6, 1.1 + 0.8 * count),
        height=max(4.6, 0.9 + 0.7 * count),
    )
    for row in range(count):
        for column in range(row + 1):
            _write(axes, row, column, float(told.rho[row, column]), int(told.counts[row, column]))
    if count == 1:
        axes.text(0, 0.1, "one budget: nothing to compare", ha="center", va="center", color=MUTED)
    image = axes.imshow(told.rho, vmin=-1, vmax=1, cmap=look.pyplot().get_cmap("RdBu"))
    figure.colorbar(image, ax=axes, label="Spearman's rank correlation", shrink=0.85)
    labels = [budget_label(budget) for budget in told.budgets]
    axes.set_xticks(range(count), labels, rotation=0 if count <= _MOST_LEVEL_LABELS else 45)
    axes.set_yticks(range(count), labels)
    axes.set_xlabel("budget")
    axes.set_ylabel("budget")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure, axes


def _write(axes: Axes, row: int, column: int, rho: float, count: int) -> None:
    if not count:
        return
    text = f"n = {count}" if math.isnan(rho) else f"{rho:.2f}\nn = {count}"
    color = "white" if abs(rho) > 0.65 else MUTED if math.isnan(rho) else INK
    axes.text(column, row, text, ha="center", va="center", fontsize=9, color=color)
