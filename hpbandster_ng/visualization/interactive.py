"""Learning curves to explore with the mouse."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hpbandster_ng.core.run import ConfigId, LearningCurve
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.visualization import figure as look
from hpbandster_ng.visualization.explorer import Curve, Explorer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["interactive_HBS_plot"]

_GOLDEN_RATIO = (math.sqrt(5) - 1) / 2
_DARK_ENOUGH = 0.3
"""Relative luminance that has a contrast of 3 to 1 on white (WCAG 2.1, success criterion 1.4.11)."""


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
) -> tuple[Figure, Axes]:
    """Learning curves of all configurations, with a tool tip for the one under the mouse.

    A click pins the tool tip of a curve, which can then be dragged; another click on the curve removes it. The boxes
    at the left show and hide the configurations of an iteration, the buttons below them all configurations.

    Args:
        learning_curves: ``result.get_learning_curves(...)``; points without a finite loss are left out.
        tool_tip_strings: ``default_tool_tips(result, learning_curves)``, or a text of your own by configuration; the
            configuration's id where there is none.
        log_y, log_x: logarithmic axes; linear around 0 where there are values that are not positive.
        reset_times: each curve begins at 0.
        color_map: a colour map or its name. Light colours are darkened so that they can be seen on white.
        colors_floats: the place on the colour map, 0 to 1, of each curve that has a point, in their order.
        title: above the plot.
        show: open a window and wait for its end.

    Raises:
        InvalidArgumentError: there is no point to draw, or ``colors_floats`` has another length than there are curves.
        MissingExtraError: matplotlib is not installed.
    """
    points = _points(learning_curves, reset_times)
    colors = _colors(color_map, colors_floats, len(points))
    plt = look.pyplot()
    with plt.rc_context(look.STYLE):
        figure = plt.figure(figsize=(10.0, 6.0))
        axes = figure.add_axes((0.22, 0.11, 0.75, 0.8), title=title)
        curves = [_draw(axes, *point, color) for point, color in zip(points, colors, strict=True)]
        _scale(axes, "x", log_x, [x for _, x, _ in points])
        _scale(axes, "y", log_y, [y for _, _, y in points])
        axes.set_xlabel("since the first point [budget or s]" if reset_times else "budget, or time [s]")
        axes.set_ylabel("loss")
        Explorer(figure, axes, curves, tool_tip_strings or {}).connect()
    return look.finish(figure, axes, show)


def _points(
    learning_curves: Mapping[ConfigId, Sequence[LearningCurve]], reset_times: bool
) -> list[tuple[ConfigId, np.ndarray, np.ndarray]]:
    points = [
        (config_id, x - x[0] if reset_times else x, y)
        for config_id, curves in learning_curves.items()
        for x, y in map(_finite_points, curves)
        if len(x)
    ]
    if not points:
        raise InvalidArgumentError(
            "learning_curves",
            f"{len(learning_curves)} configurations",
            "must contain at least one point",
            "check that the extractor returns points of successful runs",
        )
    return points


def _finite_points(curve: LearningCurve) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.array(curve, dtype=float).reshape(-1, 2).T  # None becomes NaN
    keep = np.isfinite(x) & np.isfinite(y)
    return x[keep], y[keep]


def _colors(color_map: Any, colors_floats: Sequence[float] | None, count: int) -> list[tuple[float, ...]]:
    """Neighbours get colours far apart unless told otherwise."""
    if colors_floats is None:
        colors_floats = [(i * _GOLDEN_RATIO) % 1.0 for i in range(count)]
    if len(colors_floats) != count:
        raise InvalidArgumentError(
            "colors_floats",
            colors_floats,
            f"must have one number for each of the {count} curves that have a point",
            "leave it out to have colours chosen",
        )
    return [_dark_enough(color) for color in look.pyplot().get_cmap(color_map)(np.asarray(colors_floats, dtype=float))]


def _dark_enough(color: Sequence[float]) -> tuple[float, ...]:
    """A colour too light for white is made more saturated, so that pastels stay distinct, then darker."""
    if _luminance(color[:3]) <= _DARK_ENOUGH:
        return tuple(color[:3])
    hue, saturation, value = colorsys.rgb_to_hsv(*color[:3])
    saturation = min(1.0, 2.0 * saturation)
    vivid = colorsys.hsv_to_rgb(hue, saturation, value)
    excess = max(1.0, _luminance(vivid) / _DARK_ENOUGH)
    return tuple(part / excess ** (1 / 2.2) for part in vivid)


def _luminance(rgb: Sequence[float]) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def _draw(axes: Axes, config_id: ConfigId, x: np.ndarray, y: np.ndarray, color: tuple[float, ...]) -> Curve:
    (line,) = axes.plot(x, y, color=color, marker="o", markersize=4, linewidth=1.3, alpha=0.9, pickradius=6)
    return Curve(config_id, line)


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
