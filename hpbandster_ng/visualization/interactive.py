"""Learning curves to explore with the mouse."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hpbandster_ng.analysis.learning_curves import Curve, finite_curves
from hpbandster_ng.core.run import ConfigId, LearningCurve
from hpbandster_ng.visualization import figure as look
from hpbandster_ng.visualization.backends import drawn
from hpbandster_ng.visualization.explorer import CurveLine, Explorer
from hpbandster_ng.visualization.palette import curve_places, dark_enough
from hpbandster_ng.visualization.views import CurvesView

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["interactive_HBS_plot"]

_LINEAR_BELOW = 1000.0
"""A logarithmic axis with values that are not positive is linear below this part of the largest magnitude."""


def interactive_HBS_plot(
    learning_curves: Mapping[ConfigId, Sequence[LearningCurve]],
    tool_tip_strings: Mapping[ConfigId, str] | None = None,
    log_y: bool = False,
    log_x: bool = False,
    reset_times: bool = False,
    color_map: Any = "Set3",
    colors_floats: Sequence[float] | None = None,
    title: str = "",
    show: bool = True,
    *,
    backend: str = "matplotlib",
) -> Any:
    """Learning curves of all configurations, with a tool tip for the one under the mouse.

    A click pins the tool tip of a curve, which can then be dragged; another click on the curve removes it. The boxes
    at the left show and hide the configurations of an iteration, the buttons below them all configurations. Plotly's
    legend does as the boxes do, and the tool tip is that of the point under the mouse.

    Args:
        learning_curves: ``result.get_learning_curves(...)``; points without a finite loss are left out.
        tool_tip_strings: ``default_tool_tips(result, learning_curves)``, or a text of your own by configuration; the
            configuration's id where there is none.
        log_y, log_x: logarithmic axes; where there are values that are not positive, linear around 0, or everywhere in
            Plotly, which has no such axes.
        reset_times: each curve begins at 0.
        color_map: a colour map or its name, of matplotlib or of Plotly. Light colours are darkened so that they can be
            seen on white.
        colors_floats: the place on the colour map, 0 to 1, of each curve that has a point, in their order.
        title: above the plot.
        show: open a window and wait for its end, or a page of the browser. A notebook shows Plotly's figure by itself,
            and would then show it twice.
        backend: ``"matplotlib"`` or ``"plotly"``.

    Raises:
        InvalidArgumentError: there is no point to draw, or ``colors_floats`` has another length than there are curves.
        MissingExtraError: the backend is not installed.
    """
    curves = finite_curves(learning_curves, reset_times)
    places = curve_places(colors_floats, len(curves))
    view = CurvesView(tool_tip_strings or {}, log_x, log_y, reset_times, title)
    return drawn(
        backend,
        show,
        lambda: _draw(curves, view, look.pyplot().get_cmap(color_map)(np.array(places))),
        lambda plotly: plotly.interactive_HBS_plot(curves, view, color_map, places),
    )


def _draw(curves: Sequence[Curve], view: CurvesView, colors: Sequence[Sequence[float]]) -> tuple[Figure, Axes]:
    with look.styled_pyplot() as plt:
        figure = plt.figure(figsize=(10.0, 6.0))
        axes = figure.add_axes((0.22, 0.11, 0.75, 0.8), title=view.title)
        lines = [_draw_curve(axes, *each) for each in zip(curves, colors, strict=True)]
        _scale(axes, "x", view.log_x, [curve.x for curve in curves])
        _scale(axes, "y", view.log_y, [curve.y for curve in curves])
        axes.set_xlabel(view.x_label)
        axes.set_ylabel("loss")
        Explorer(figure, axes, lines, view.tool_tips).connect()
    return figure, axes


def _draw_curve(axes: Axes, curve: Curve, color: Sequence[float]) -> CurveLine:
    (line,) = axes.plot(
        curve.x, curve.y, color=dark_enough(color), marker="o", markersize=4, linewidth=1.3, alpha=0.9, pickradius=6
    )
    return CurveLine(curve, line)


def _scale(axes: Axes, name: str, is_log: bool, values: list[np.ndarray]) -> None:
    if not is_log:
        return
    every = np.concatenate(values)
    set_scale = {"x": axes.set_xscale, "y": axes.set_yscale}[name]
    if (every > 0).all():
        set_scale("log")
    elif every.any():
        magnitudes = np.abs(every[every != 0])
        lowest = max(magnitudes.min(), magnitudes.max() / _LINEAR_BELOW)
        set_scale("symlog", linthresh=10.0 ** math.ceil(math.log10(lowest)))
