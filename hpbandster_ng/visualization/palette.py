"""Colours, marks and texts that all pictures share, whoever draws them."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Mapping, Sequence

import numpy as np

from hpbandster_ng.core.run import OutcomeState, budget_text
from hpbandster_ng.errors import InvalidArgumentError

__all__ = [
    "ACCENT",
    "GRID",
    "INK",
    "MUTED",
    "NEUTRAL",
    "SOFT_ACCENT",
    "TIME_LABEL",
    "budget_label",
    "budget_places",
    "busy_names",
    "curve_places",
    "dark_enough",
    "outcome_marks",
    "pick_colors",
    "shortened_names",
]

INK, MUTED, GRID = "#222222", "#8a8a8a", "#e8e8e8"
ACCENT, SOFT_ACCENT, NEUTRAL = "#0072b2", "#9ecae1", "#e69f00"
"""Blue and orange of Okabe and Ito: distinct to every kind of colour vision, and in print."""

pick_colors = {False: ("random", NEUTRAL), True: ("model-based", ACCENT)}
"""Of configurations, by whether a model picked them: name and colour."""

TIME_LABEL = "time since the start of the run [s]"

outcome_marks = {
    OutcomeState.FAILED: ("x", "x-thin"),
    OutcomeState.INVALID: ("+", "cross-thin"),
    OutcomeState.TIMED_OUT: ("v", "triangle-down-open"),
    OutcomeState.LOST: ("s", "square-open"),
}
"""The marks of runs without a loss, of matplotlib and of Plotly."""

_GOLDEN_RATIO = (math.sqrt(5) - 1) / 2
_DARK_ENOUGH = 0.3
"""Relative luminance that has a contrast of 3 to 1 on white (WCAG 2.1, success criterion 1.4.11)."""

_LONGEST_NAME = 28


def budget_label(budget: float) -> str:
    return f"{budget:.4g}" if budget < 1000 else budget_text(budget)


def budget_places(count: int, is_default: bool) -> list[float]:
    """The places of ascending budgets on a colour map, from bright to dark on the default one, which is viridis.

    Its yellow end is hard to see on white; the largest budget, which counts most, is the easiest to see.
    """
    places = np.linspace(0.84, 0.0, count) if is_default else np.linspace(0.0, 1.0, count)
    return [float(place) for place in places]


def curve_places(colors_floats: Sequence[float] | None, count: int) -> list[float]:
    """The places of curves on a colour map: neighbours get colours far apart unless told otherwise.

    Raises:
        InvalidArgumentError: ``colors_floats`` does not have ``count`` numbers.
    """
    if colors_floats is None:
        return [(i * _GOLDEN_RATIO) % 1.0 for i in range(count)]
    if len(colors_floats) != count:
        raise InvalidArgumentError(
            "colors_floats",
            colors_floats,
            f"must have one number for each of the {count} curves that have a point",
            "leave it out to have colours chosen",
        )
    return [float(place) for place in colors_floats]


def dark_enough(color: Sequence[float]) -> tuple[float, float, float]:
    """A colour too light for white is made more saturated, so that pastels stay distinct, then darker."""
    red, green, blue = color[:3]
    if _luminance((red, green, blue)) <= _DARK_ENOUGH:
        return red, green, blue
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    saturation = min(1.0, 2.0 * saturation)
    vivid = colorsys.hsv_to_rgb(hue, saturation, value)
    excess = max(1.0, _luminance(vivid) / _DARK_ENOUGH)
    red, green, blue = (part / excess ** (1 / 2.2) for part in vivid)
    return red, green, blue


def _luminance(rgb: Sequence[float]) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def busy_names(workers: Sequence[str], busy: Mapping[str, float]) -> list[str]:
    """Short names of workers, with the share of their time that they were busy."""
    return [f"{name} ({busy[worker]:.0%})" for name, worker in zip(shortened_names(workers), workers, strict=True)]


def shortened_names(names: Sequence[str]) -> list[str]:
    """Without what long names begin with in common; the end of a name that is still too long.

    Example:
        >>> shortened_names(["hpbandster.run_7.worker.node1.4711", "hpbandster.run_7.worker.node2.4712"])
        ['node1.4711', 'node2.4712']
    """
    common = ""
    if len(names) > 1 and max(map(len, names)) > _LONGEST_NAME // 2:
        lowest, highest = min(names), max(names)
        same = next((i for i, pair in enumerate(zip(lowest, highest, strict=False)) if len({*pair}) > 1), 0)
        common = lowest[: lowest.rfind(".", 0, same) + 1]
    kept = [name.removeprefix(common) for name in names]
    return [name if len(name) <= _LONGEST_NAME else "..." + name[3 - _LONGEST_NAME :] for name in kept]
