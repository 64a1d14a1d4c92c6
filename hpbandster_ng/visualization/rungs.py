"""How far the configurations of each iteration came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hpbandster_ng.analysis.rungs import Rung, grouped_by_iteration
from hpbandster_ng.analysis.rungs import rung_survival as counted
from hpbandster_ng.core.run import Run
from hpbandster_ng.visualization import figure as look
from hpbandster_ng.visualization.backends import drawn
from hpbandster_ng.visualization.palette import INK, budget_label
from hpbandster_ng.visualization.views import rung_parts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["rung_survival"]

_MOST_ROWS = 40
_WIDEST = 0.68
"""Of a column, which leaves room for the number."""


def rung_survival(runs: Iterable[Run], show: bool = False, *, backend: str = "matplotlib") -> Any:
    """How many configurations of each iteration reached which budget, and what became of them there.

    A column a budget, a row an iteration; where there are many, neighbouring iterations share a row. The length of a
    bar is the number of configurations that ran on the budget: those that went on to a larger one, those whose last run
    it was, and those that failed.

    Args:
        runs: ``result.get_all_runs()``.
        show: open a window.
        backend: ``"matplotlib"`` or ``"plotly"``.

    Raises:
        InvalidArgumentError: there is no run.
        MissingExtraError: the backend is not installed.
    """
    groups = grouped_by_iteration(counted(runs), _MOST_ROWS)
    return drawn(backend, show, lambda: _draw(groups), lambda plotly: plotly.rung_survival(groups))


def _draw(groups: Mapping[str, Sequence[Rung]]) -> tuple[Figure, Axes]:
    budgets = sorted({rung.budget for rungs in groups.values() for rung in rungs})
    most = max(rung.reached for rungs in groups.values() for rung in rungs)
    figure, axes = look.new_figure(
        "Configurations that reached each budget",
        width=min(14.0, max(6.0, 2.4 + 1.5 * len(budgets))),
        height=max(2.6, 1.5 + 0.3 * len(groups)),
    )
    place = {budget: column for column, budget in enumerate(budgets)}
    for row, rungs in enumerate(groups.values()):
        for rung in rungs:
            _draw_rung(axes, rung, place[rung.budget], row, _WIDEST / most)
    for name, (color, _) in rung_parts.items():
        axes.bar(0, 0, color=color, label=name)
    axes.set_xlim(-0.04, len(budgets))
    axes.set_xticks(range(len(budgets)), [budget_label(budget) for budget in budgets], ha="left")
    axes.set_yticks(range(len(groups)), list(groups))
    axes.set_ylim(len(groups) - 0.4, -0.6)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("budget", loc="left")
    axes.set_ylabel("iteration")
    look.budget_legend(axes)
    return figure, axes


def _draw_rung(axes: Axes, rung: Rung, column: int, row: int, scale: float) -> None:
    left = float(column)
    for color, count_of in rung_parts.values():
        width = scale * count_of(rung)
        axes.barh(row, width, left=left, height=0.72, color=color)
        left += width
    axes.text(left + 0.03, row, f"{rung.reached:,}", va="center", fontsize=8, color=INK)
