"""What configurations have to do with their losses."""

from __future__ import annotations

import html
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import plotly.graph_objects as go

from hpbandster_ng.analysis.learning_curves import Curve
from hpbandster_ng.analysis.parallel_coordinates import ParallelCoordinates, axis_ticks, loss_ticks
from hpbandster_ng.core.run import ConfigId
from hpbandster_ng.visualization.palette import (
    ACCENT,
    GRID,
    INK,
    MUTED,
    NEUTRAL,
    SOFT_ACCENT,
    dark_enough,
)
from hpbandster_ng.visualization.plotly import figure as look
from hpbandster_ng.visualization.views import CurvesView, ImportanceBar, ImportanceView

__all__ = ["interactive_HBS_plot", "parallel_coordinates", "parameter_importance"]

_MOST_LETTERS = 70
"""Of the names of all axes; more would run into each other on one line."""


def parallel_coordinates(told: ParallelCoordinates) -> go.Figure:
    figure = look.new_figure(told.title, margin={"l": 80, "r": 60, "t": 110, "b": 40})
    low = min(0.0, float(told.positions.min()))
    dimensions = [
        _dimension(parameter.name, told.positions[:, column], axis_ticks(told, parameter), low)
        for column, parameter in enumerate(told.parameters)
    ]
    dimensions.append(_dimension("loss", told.loss_positions, loss_ticks(told), low))
    bar = {"title": {"text": "rank of the loss", "side": "right"}, "tickvals": [0, 1], "ticktext": ["best", "worst"]}
    line = {"color": told.ranks, "colorscale": "Viridis", "cmin": 0, "cmax": 1, "showscale": True, "colorbar": bar}
    num_letters = sum(len(parameter.name) for parameter in told.parameters)
    angle = -15 if num_letters > _MOST_LETTERS else 0
    return figure.add_trace(go.Parcoords(dimensions=dimensions, line=line, labelangle=angle))


def _dimension(name: str, values: np.ndarray, ticks: Sequence[tuple[float, str]], low: float) -> dict[str, Any]:
    places, texts = zip(*ticks, strict=True)
    return {"label": name, "values": values, "range": [low, 1.0], "tickvals": places, "ticktext": texts}


def parameter_importance(view: ImportanceView) -> go.Figure:
    figure = look.new_figure(
        view.title, 190 + 34 * len(view.bars), view.subtitle, barmode="stack", legend_traceorder="normal"
    )
    labels = [bar.label for bar in view.bars]
    rest = [max(0.0, bar.total - bar.main) for bar in view.bars]
    error = {"type": "data", "array": [bar.spread for bar in view.bars], "color": INK, "thickness": 1, "width": 0}
    hover = "<b>%{y}</b><br>by itself %{customdata[0]:.1%}, in all %{customdata[1]:.1%} \u00b1 %{customdata[2]:.1%}"
    common = {
        "y": labels,
        "orientation": "h",
        "customdata": [(bar.main, bar.total, bar.spread) for bar in view.bars],
        "hovertemplate": f"{hover}<extra></extra>",
        "showlegend": False,
        "width": 0.62,
    }
    figure.add_trace(
        go.Bar(x=[bar.main for bar in view.bars], marker={"color": [_colors(b)[0] for b in view.bars]}, **common)
    )
    figure.add_trace(go.Bar(x=rest, marker={"color": [_colors(b)[1] for b in view.bars]}, error_x=error, **common))
    for name, color in _legend(view):
        figure.add_trace(go.Bar(x=[None], y=[labels[0]], name=name, marker={"color": color}))
    if view.noise:
        ends, line = [labels[0], labels[-1]], {"color": INK, "dash": "dot", "width": 1.5}
        figure.add_trace(go.Scatter(x=[view.noise] * 2, y=ends, mode="lines", line=line, name="noise reaches so far"))
    most = max(1.0, *(bar.total for bar in view.bars))
    figure.update_xaxes(title="share", range=[0, 1.02 * most], tickformat=".0%")
    return figure.update_yaxes(title="hyperparameter", type="category", autorange="reversed", showgrid=False, ticks="")


def _colors(bar: ImportanceBar) -> tuple[str, str]:
    if not bar.is_told:
        return MUTED, GRID
    return (NEUTRAL, NEUTRAL) if bar.is_pair else (ACCENT, SOFT_ACCENT)


def _legend(view: ImportanceView) -> list[tuple[str, str]]:
    found = [("by itself", ACCENT), ("with others", SOFT_ACCENT)]
    if any(bar.is_pair for bar in view.bars):
        found.append(("interaction", NEUTRAL))
    return found if all(bar.is_told for bar in view.bars) else [*found, ("may be noise", MUTED)]


def interactive_HBS_plot(
    curves: Sequence[Curve], view: CurvesView, color_map: Any, places: Sequence[float]
) -> go.Figure:
    """A trace an iteration, in which a gap parts one curve from the next: many traces would be slow."""
    figure = look.new_figure(view.title, height=600)
    colors = [look.css(dark_enough(color)) for color in look.sampled(color_map, places)]
    scatter = look.scatter_type(sum(len(curve.x) for curve in curves))
    colored = sorted(zip(curves, colors, strict=True), key=lambda pair: pair[0].config_id)
    for iteration, group in groupby(colored, key=lambda pair: pair[0].iteration):
        pairs = list(group)
        figure.add_trace(
            scatter(
                x=np.concatenate([np.append(curve.x, np.nan) for curve, _ in pairs]),
                y=np.concatenate([np.append(curve.y, np.nan) for curve, _ in pairs]),
                name=iteration,
                mode="lines+markers",
                connectgaps=False,
                line={"color": "rgba(138,138,138,0.45)", "width": 1.2},
                marker={"color": [color for curve, color in pairs for _ in range(len(curve.x) + 1)], "size": 6},
                text=[tip for curve, _ in pairs for tip in [*[_tip(view, curve.config_id)] * len(curve.x), ""]],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    figure.update_xaxes(title=view.x_label, type=_axis_type(view.log_x, [curve.x for curve in curves]))
    return figure.update_yaxes(title="loss", type=_axis_type(view.log_y, [curve.y for curve in curves]))


def _axis_type(is_log: bool, values: Sequence[np.ndarray]) -> str:
    """A logarithmic axis of Plotly would drop what is not positive."""
    return "log" if is_log and all((each > 0).all() for each in values) else "linear"


def _tip(view: CurvesView, config_id: ConfigId) -> str:
    text = view.tool_tips.get(config_id, str(config_id))
    return html.escape(text, quote=False).replace("\n", "<br>").replace("  ", "&nbsp;&nbsp;")
