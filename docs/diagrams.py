"""Draws the diagrams of the documentation; the bracket tables come from the schedule itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from hpbandster_ng.engine.schedule import hyperband_brackets

INK, SOFT, GOOD, BAD, BLUE = "#333333", "#f4f4f0", "#d9ead3", "#f4d6d2", "#d6e4f2"


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    text: str
    colour: str = SOFT
    width: float = 1.5
    height: float = 0.56


def _box(axes: Axes, box: Box) -> None:
    corner = (box.x - box.width / 2, box.y - box.height / 2)
    shape = mpl.patches.FancyBboxPatch(
        corner, box.width, box.height, boxstyle="round,pad=0,rounding_size=0.12", facecolor=box.colour, edgecolor=INK
    )
    axes.add_patch(shape)
    axes.text(box.x, box.y, box.text, ha="center", va="center", fontsize=10, color=INK)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], bend: float = 0.0) -> None:
    style = {"arrowstyle": "-|>", "color": INK, "connectionstyle": f"arc3,rad={bend}", "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", xy=end, xytext=start, arrowprops=style)


def _label(axes: Axes, x: float, y: float, text: str, align: str = "center") -> None:
    axes.text(x, y, text, ha=align, va="center", fontsize=8.5, color=INK, style="italic")


def _canvas(width: float, height: float) -> tuple[plt.Figure, Axes]:
    figure, axes = plt.subplots(figsize=(width, height))
    axes.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    axes.axis("off")
    return figure, axes


def job_states() -> plt.Figure:
    """The life of a job, from the transition table of ``engine/pool.py``."""
    figure, axes = _canvas(10.2, 4.4)
    queued, running = Box(1.6, 2.2, "queued", BLUE), Box(4.3, 2.2, "running", BLUE)
    ends = {
        "succeeded": ("compute returned a result", GOOD),
        "failed": ("compute raised", BAD),
        "invalid return": ("compute returned no result", BAD),
        "timed out": ("over its time limit", BAD),
        "lost": ("worker gone, no attempts left", SOFT),
        "cancelled": ("the run was shut down", SOFT),
    }
    for box in (queued, running):
        _box(axes, box)
    _arrow(axes, (0.1, 2.2), (0.85, 2.2))
    _label(axes, 0.45, 2.38, "decided")
    _arrow(axes, (2.35, 2.2), (3.55, 2.2))
    _label(axes, 2.95, 2.38, "worker free")
    _arrow(axes, (4.0, 2.48), (1.9, 2.48), bend=0.45)
    _label(axes, 2.95, 3.32, "worker lost, attempts left")
    for i, (state, (reason, colour)) in enumerate(ends.items()):
        y = 4.0 - 0.72 * i
        _box(axes, Box(7.3, y, state, colour, height=0.5))
        _label(axes, 8.2, y, reason, "left")
        _arrow(axes, (5.05, 2.2), (6.55, y))
    _arrow(axes, (1.6, 1.92), (6.55, 0.4), bend=0.22)
    return figure


def who_talks_to_whom() -> plt.Figure:
    figure, axes = _canvas(8.4, 3.4)
    _box(axes, Box(1.5, 2.5, "nameserver", SOFT, 1.9))
    _box(axes, Box(4.4, 2.5, "master", BLUE, 1.9))
    _box(axes, Box(7.2, 2.5, "result, logs,\nobservers", GOOD, 1.9, 0.8))
    for i, name in enumerate(("worker 1", "worker 2", "worker n")):
        _box(axes, Box(2.2 + 2.2 * i, 0.6, name, SOFT, 1.6))
        _arrow(axes, (2.2 + 2.2 * i, 0.9), (4.1 + 0.3 * i, 2.2))
    _arrow(axes, (3.45, 2.5), (2.45, 2.5))
    _label(axes, 2.95, 2.68, "registers")
    _arrow(axes, (1.9, 0.9), (1.4, 2.2))
    _label(axes, 1.5, 1.5, "looks up", "right")
    _label(axes, 5.95, 1.5, "asks for a job, reports a result", "left")
    _arrow(axes, (5.35, 2.5), (6.25, 2.5))
    _label(axes, 5.8, 2.68, "events")
    return figure


def brackets() -> plt.Figure:
    """One round of Hyperband from 9 to 243 with eta 3: a column a rung, a bar a rung's number of configurations."""
    round_of = hyperband_brackets(9, 243, 3)
    figure, axes = plt.subplots(figsize=(8.4, 2.9))
    budgets = round_of[0].budgets
    for row, bracket in enumerate(round_of):
        for size, budget in zip(bracket.num_configs, bracket.budgets, strict=True):
            column = budgets.index(budget)
            share = size / round_of[0].num_configs[0]
            axes.barh(-row, 0.12 + 0.75 * share, left=column, height=0.62, color=BLUE, edgecolor=INK, linewidth=0.8)
            axes.text(column + 0.06, -row, str(size), va="center", fontsize=9, color=INK)
    axes.set_xticks(range(len(budgets)), [f"budget {budget:g}" for budget in budgets], ha="left")
    axes.set_yticks([-row for row in range(len(round_of))], [f"iteration {row}" for row in range(len(round_of))])
    axes.tick_params(length=0, colors=INK)
    axes.set_xlim(-0.05, len(budgets))
    for side in axes.spines.values():
        side.set_visible(False)
    return figure


def draw_all(folder: Path) -> None:
    """Write every diagram as an SVG file."""
    folder.mkdir(parents=True, exist_ok=True)
    for draw in (job_states, who_talks_to_whom, brackets):
        figure = draw()
        for suffix in ("svg", "png"):
            figure.savefig(folder / f"{draw.__name__}.{suffix}", bbox_inches="tight", facecolor="white", dpi=110)
        plt.close(figure)
