"""What all pictures of Plotly have in common: the look, and colours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly import colors as plotly_colors

from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.visualization.palette import GRID, INK, MUTED, TIME_LABEL, budget_places

__all__ = ["budget_colors", "css", "mark_the_start", "new_figure", "sampled", "scatter_type", "time_axis"]

_MANY = 3000
"""Points, from which on they are drawn by WebGL: it is fast, and less crisp."""

_AXIS = {
    "showgrid": True,
    "gridcolor": GRID,
    "zeroline": False,
    "showline": True,
    "linecolor": MUTED,
    "ticks": "outside",
    "tickcolor": MUTED,
    "automargin": True,
}


def new_figure(title: str, height: int = 480, subtitle: str = "", **layout: Any) -> go.Figure:
    """An empty figure in our look."""
    below = f"<br><sup>{subtitle}</sup>" if subtitle else ""
    return go.Figure(
        layout={
            "title": {"text": f"{title}{below}", "x": 0.01, "xanchor": "left", "font": {"size": 17}},
            "font": {"color": INK},
            "height": height,
            "margin": {"l": 70, "r": 30, "t": 70, "b": 60},
            "paper_bgcolor": "white",
            "plot_bgcolor": "white",
            "hovermode": "closest",
            "xaxis": _AXIS,
            "yaxis": _AXIS,
            **layout,
        }
    )


def time_axis(figure: go.Figure, y_title: str, legend_title: str = "budget") -> None:
    figure.update_layout(xaxis_title=TIME_LABEL, yaxis_title=y_title, legend_title_text=legend_title)


def mark_the_start(figure: go.Figure, begin: float) -> None:
    """Where a warm start brought runs along, tell them from those of this run."""
    if begin < 0:
        figure.add_vline(x=0.0, line={"color": MUTED, "width": 1, "dash": "dash"}, annotation_text="start of this run")


def scatter_type(num_points: int) -> Any:
    return go.Scattergl if num_points > _MANY else go.Scatter


def sampled(scale: Any, places: Sequence[float]) -> list[tuple[float, float, float]]:
    """The colours at places, 0 to 1, of a colour scale or a list of single colours, by its name in any case.

    Raises:
        InvalidArgumentError: Plotly does not know it.
    """
    listed = _qualitative().get(str(scale).lower())
    if listed is not None:
        return [_parts(listed[min(int(place * len(listed)), len(listed) - 1)]) for place in places]
    try:
        return [_parts(color) for color in plotly_colors.sample_colorscale(scale, list(places))]
    except Exception as error:  # an error of Plotly's own
        raise InvalidArgumentError(
            "color_map", scale, "must be a colour scale of Plotly", "'viridis' and 'Set3' are two"
        ) from error


def _qualitative() -> Mapping[str, Sequence[str]]:
    return {name.lower(): value for name, value in vars(plotly_colors.qualitative).items() if isinstance(value, list)}


def _parts(color: str) -> tuple[float, float, float]:
    numbers = plotly_colors.hex_to_rgb(color) if color.startswith("#") else plotly_colors.unlabel_rgb(color)
    red, green, blue = (number / 255 for number in numbers)
    return red, green, blue


def css(color: Iterable[float]) -> str:
    return f"rgb({','.join(str(round(255 * part)) for part in color)})"


def budget_colors(budgets: Sequence[float], cmap: Any = None) -> dict[float, str]:
    """A colour for each budget, ascending, from bright to dark."""
    places = budget_places(len(budgets), cmap is None)
    colors = sampled("viridis" if cmap is None else cmap, places)
    return {budget: css(color) for budget, color in zip(budgets, colors, strict=True)}
