"""What happens when the mouse moves over learning curves, or clicks."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hpbandster_ng.analysis.learning_curves import Curve
from hpbandster_ng.core.run import ConfigId
from hpbandster_ng.visualization.palette import ACCENT, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.text import Annotation

__all__ = ["CurveLine", "Explorer"]

_THICKER = 2.2
"""How many times wider the line under the mouse is drawn."""


@dataclass
class CurveLine:
    """A learning curve on the screen; its pinned tool tip, if it has one."""

    curve: Curve
    line: Line2D
    pin: Annotation | None = field(default=None)

    @property
    def config_id(self) -> ConfigId:
        return self.curve.config_id

    @property
    def iteration(self) -> str:
        return self.curve.iteration

    def show(self, is_visible: bool) -> None:
        for artist in (self.line, self.pin):
            if artist is not None:
                artist.set_visible(is_visible)


class Explorer:
    """Tool tips, pins, boxes and buttons of the interactive plot.

    Args:
        figure, axes: where the curves are drawn; the controls take the strip at the left.
        curves: all of them.
        tool_tips: the text for a configuration.
    """

    def __init__(
        self, figure: Figure, axes: Axes, curves: Sequence[CurveLine], tool_tips: Mapping[ConfigId, str]
    ) -> None:
        self.figure = figure
        self.axes = axes
        self.curves = curves
        self.tool_tips = tool_tips
        self.hovered: CurveLine | None = None
        self.hover_tip: Annotation | None = None
        self.boxes: Any = None
        self.buttons: list[Any] = []

    def connect(self) -> None:
        """Add the controls, and listen to the mouse for as long as the figure lives."""
        from matplotlib.widgets import Button, CheckButtons  # noqa: PLC0415 - an extra

        iterations = list(dict.fromkeys(curve.iteration for curve in sorted(self.curves, key=lambda c: c.config_id)))
        height = min(0.7, 0.035 * len(iterations) + 0.03)
        place = self.figure.add_axes((0.01, 0.91 - height, 0.14, height), label="iterations", frameon=False)
        size = min(9.0, 9.0 * 20 / len(iterations))
        area = size**2 * 0.6
        self.boxes = CheckButtons(
            place,
            iterations,
            [True] * len(iterations),
            label_props={"fontsize": [size]},
            frame_props={"s": area, "edgecolor": MUTED},
            check_props={"s": area, "facecolor": ACCENT},
        )
        self.boxes.on_clicked(functools.partial(Explorer._show_checked, self))
        for i, (name, is_visible) in enumerate({"All": True, "None": False}.items()):
            button = Button(
                self.figure.add_axes((0.015 + 0.065 * i, 0.11, 0.055, 0.05), label=name),
                name,
                color="#eeeeee",
                hovercolor="#d8d8d8",
            )
            button.ax.spines[:].set_visible(False)
            button.on_clicked(functools.partial(Explorer._check_all, self, is_visible))
            self.buttons.append(button)
        # matplotlib keeps bound methods weakly, and nobody else keeps this object: partial objects are kept
        self.figure.canvas.mpl_connect("motion_notify_event", functools.partial(Explorer._on_move, self))
        self.figure.canvas.mpl_connect("button_press_event", functools.partial(Explorer._on_click, self))

    def _show_checked(self, _label: str | None) -> None:
        labels = [label.get_text() for label in self.boxes.labels]
        shown = {label for label, is_on in zip(labels, self.boxes.get_status(), strict=True) if is_on}
        for curve in self.curves:
            curve.show(curve.iteration in shown)
        self._hover(None)
        self.figure.canvas.draw_idle()

    def _check_all(self, is_visible: bool, _event: Any) -> None:
        for index, is_on in enumerate(self.boxes.get_status()):
            if is_on != is_visible:
                self.boxes.set_active(index)

    def _on_move(self, event: Any) -> None:
        curve = self._curve_under(event)
        if curve is not self.hovered:
            self._hover(curve)
            self.figure.canvas.draw_idle()

    def _on_click(self, event: Any) -> None:
        curve = self._curve_under(event)
        if curve is None or event.button != 1 or self._is_zooming():
            return
        if curve.pin is None:
            curve.pin = self._tip(curve, linewidth=1.6)
            curve.pin.draggable(True)
            self._hover(None)
        else:
            curve.pin.remove()
            curve.pin = None
        self.figure.canvas.draw_idle()

    def _is_zooming(self) -> bool:
        return bool(getattr(self.figure.canvas.toolbar, "mode", ""))

    def _curve_under(self, event: Any) -> CurveLine | None:
        """The visible curve with a point or a segment near the mouse; of several, the one with the nearest point."""
        if event.inaxes is not self.axes or self._is_on_a_pin(event):
            return None
        near = [curve for curve in self.curves if curve.line.get_visible() and curve.line.contains(event)[0]]
        return min(near, key=functools.partial(_distance, event), default=None)

    def _is_on_a_pin(self, event: Any) -> bool:
        pins = [curve.pin for curve in self.curves if curve.pin is not None]
        return any(pin.get_visible() and pin.contains(event)[0] for pin in pins)

    def _hover(self, curve: CurveLine | None) -> None:
        if self.hovered is not None:
            self.hovered.line.set_linewidth(self.hovered.line.get_linewidth() / _THICKER)
        if self.hover_tip is not None:
            self.hover_tip.remove()
            self.hover_tip = None
        self.hovered = curve
        if curve is not None:
            curve.line.set_linewidth(curve.line.get_linewidth() * _THICKER)
            if curve.pin is None:
                self.hover_tip = self._tip(curve, linewidth=0.8)

    def _tip(self, curve: CurveLine, linewidth: float) -> Annotation:
        """At the end of the curve, unfolding towards the middle of the plot."""
        x, y = (float(np.asarray(data)[-1]) for data in (curve.line.get_xdata(), curve.line.get_ydata()))
        across, up = self.axes.transAxes.inverted().transform(self.axes.transData.transform((x, y)))
        color = curve.line.get_color()
        return self.axes.annotate(
            self.tool_tips.get(curve.config_id, str(curve.config_id)),
            xy=(x, y),
            xytext=(-18 if across > 0.5 else 18, -18 if up > 0.5 else 18),
            textcoords="offset points",
            ha="right" if across > 0.5 else "left",
            va="top" if up > 0.5 else "bottom",
            fontsize=8.5,
            zorder=10,
            parse_math=False,
            bbox={"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": color, "linewidth": linewidth},
            arrowprops={"arrowstyle": "-", "color": color},
        )


def _distance(event: Any, curve: CurveLine) -> float:
    points = curve.line.get_transform().transform(curve.line.get_xydata())
    return float(np.min(np.hypot(*(points - (event.x, event.y)).T)))
