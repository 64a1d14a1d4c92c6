"""What all pictures of matplotlib have in common: the look, and the colours of budgets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from hpbandster_ng.errors import MissingExtraError
from hpbandster_ng.visualization.palette import GRID, INK, MUTED, budget_places

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

__all__ = [
    "STYLE",
    "budget_colors",
    "budget_legend",
    "count_from_zero",
    "mark_the_start",
    "new_figure",
    "pyplot",
    "styled_pyplot",
]

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
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


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


@contextmanager
def styled_pyplot() -> Iterator[Any]:
    """``matplotlib.pyplot``, whose new figures have our look.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    plt = pyplot()
    # Loads the backend: that of notebooks sets that figures are shown, which would be undone with the look.
    plt.draw_if_interactive()
    with plt.rc_context(STYLE):
        yield plt


def new_figure(title: str, rows: int = 1, width: float = 8.0, height: float = 4.8, **subplots: Any) -> tuple[Any, Any]:
    """A figure in our look with one axes, or with an array of ``rows`` axes below each other."""
    with styled_pyplot() as plt:
        figure, axes = plt.subplots(rows, figsize=(width, height), layout="constrained", **subplots)
        if isinstance(axes, np.ndarray):
            figure.suptitle(title, x=0.01, ha="left", fontsize=STYLE["axes.titlesize"])
        else:
            axes.set_title(title)
    return figure, axes


def budget_colors(budgets: Sequence[float], cmap: Colormap | str | None = None) -> dict[float, Any]:
    """A colour for each budget, from bright (the smallest) to dark.

    Args:
        budgets: ascending.
        cmap: a colour map or its name; one that lists single colours (``"tab10"``) is gone through in order.
    """
    colors = pyplot().get_cmap("viridis" if cmap is None else cmap)
    if colors.N <= 20:
        return {budget: colors(i % colors.N) for i, budget in enumerate(budgets)}
    places = budget_places(len(budgets), cmap is None)
    return dict(zip(budgets, colors(places), strict=True))


def budget_legend(axes: Axes, **options: Any) -> None:
    """A legend beside the picture, where it hides nothing."""
    axes.legend(
        loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0, alignment="left", frameon=False, **options
    )


def mark_the_start(axes: Axes, begin: float) -> None:
    """Where a warm start brought runs along, tell them from those of this run."""
    if begin < 0:
        axes.axvline(0.0, color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)), label="start of this run", zorder=1)


def count_from_zero(axes: Axes) -> None:
    """A vertical axis of whole numbers."""
    axes.set_ylim(bottom=0)
    axes.locator_params(axis="y", integer=True)
