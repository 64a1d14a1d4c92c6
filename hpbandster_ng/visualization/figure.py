"""What all pictures have in common: the look, the colours of budgets, and what to do about odd data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hpbandster_ng.core.run import Run
from hpbandster_ng.errors import InvalidArgumentError, MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

__all__ = [
    "ACCENT",
    "INK",
    "MUTED",
    "NEUTRAL",
    "STYLE",
    "TIME_LABEL",
    "budget_colors",
    "budget_label",
    "budget_legend",
    "budgets_of",
    "count_from_zero",
    "finish",
    "mark_the_start",
    "new_figure",
    "pyplot",
    "spans_magnitudes",
    "successful_runs",
]

INK, MUTED = "#222222", "#8a8a8a"
ACCENT, NEUTRAL = "#0072b2", "#e69f00"
"""Blue and orange of Okabe and Ito: distinct to every kind of colour vision, and in print."""

TIME_LABEL = "time since the start of the run [s]"

STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.titlesize": 12,
    "figure.dpi": 110,
    "grid.color": "#e8e8e8",
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}

_WIDE = 100.0


def pyplot() -> Any:
    """``matplotlib.pyplot``.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("hpbandster_ng.visualization", "matplotlib", "plot") from error
    return plt


def new_figure(title: str, rows: int = 1, width: float = 8.0, height: float = 4.8, **subplots: Any) -> tuple[Any, Any]:
    """A figure in our look with one axes, or with an array of ``rows`` axes below each other."""
    plt = pyplot()
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(rows, figsize=(width, height), layout="constrained", **subplots)
        if isinstance(axes, np.ndarray):
            figure.suptitle(title, x=0.01, ha="left", fontsize=STYLE["axes.titlesize"])
        else:
            axes.set_title(title)
    return figure, axes


def finish(figure: Figure, axes: Any, show: bool) -> tuple[Figure, Any]:
    if show:
        pyplot().show()
    return figure, axes


def budgets_of(runs: Iterable[Run]) -> list[float]:
    return sorted({run.budget for run in runs})


def successful_runs(runs: Iterable[Run]) -> list[tuple[Run, float]]:
    """The runs with a finite loss, and that loss.

    Raises:
        InvalidArgumentError: there is none, so there is nothing to draw.
    """
    runs = list(runs)
    found = [(run, run.loss) for run in runs if run.loss is not None and run.is_success]
    if not found:
        raise InvalidArgumentError(
            "runs",
            f"{len(runs)} runs",
            "must contain at least one successful run",
            "run.error_logs of each tells why it failed",
        )
    return found


def budget_colors(budgets: Sequence[float], cmap: Colormap | str | None = None) -> dict[float, Any]:
    """A colour for each budget, from bright (the smallest) to dark.

    Args:
        budgets: ascending.
        cmap: a colour map or its name; one that lists single colours (``"tab10"``) is gone through in order.
    """
    colors = pyplot().get_cmap("viridis" if cmap is None else cmap)
    if colors.N <= 20:
        return {budget: colors(i % colors.N) for i, budget in enumerate(budgets)}
    # the yellow end of viridis is hard to see on white; the largest budget, which counts most, is the easiest to see
    places = np.linspace(0.0, 0.84, len(budgets))[::-1] if cmap is None else np.linspace(0.0, 1.0, len(budgets))
    return dict(zip(budgets, colors(places), strict=True))


def budget_label(budget: float) -> str:
    return f"{budget:.4g}" if budget < 1000 else f"{budget:g}"


def budget_legend(axes: Axes, **options: Any) -> None:
    """A legend beside the picture, where it hides nothing."""
    axes.legend(
        loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0, alignment="left", frameon=False, **options
    )


def mark_the_start(axes: Axes, times: Iterable[float]) -> None:
    """Where a warm start brought runs along, tell them from those of this run."""
    if min(times, default=0.0) < 0:
        axes.axvline(0.0, color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)), label="start of this run", zorder=1)


def count_from_zero(axes: Axes) -> None:
    """A vertical axis of whole numbers."""
    axes.set_ylim(bottom=0)
    axes.locator_params(axis="y", integer=True)


def spans_magnitudes(values: Sequence[float]) -> bool:
    """Whether a linear axis would show the large values only."""
    return min(values) > 0 and max(values) / min(values) > _WIDE
