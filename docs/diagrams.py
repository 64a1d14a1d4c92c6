"""Draws the diagrams of the documentation, each in light and in dark; tables and runs come from the package itself."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ConfigSpace
import matplotlib as mpl
import numpy as np

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from hpbandster_ng.core.result import Run
from hpbandster_ng.engine.schedule import hyperband_brackets
from hpbandster_ng.optimizers import ASHA, HyperBand
from hpbandster_ng.simulator import Workload, simulate

logging.getLogger("hpbandster_ng.simulator").propagate = False  # the builder prints whatever reaches the root logger

__all__ = ["DIAGRAMS", "LOOKS", "draw_all"]


@dataclass(frozen=True)
class Look:
    """The colours of one of the two looks of a page; the background is the page's own."""

    name: str
    ink: str
    pale: str
    soft: str
    good: str
    bad: str
    blue: str
    rungs: tuple[str, ...]
    """Of bars, from the smallest budget to the largest."""


LOOKS = (
    Look("light", "#333333", "#8a8a8a", "#f4f4f0", "#d9ead3", "#f4d6d2", "#d6e4f2", ("#e3edf7", "#a9cbea", "#6da3d9")),
    Look("dark", "#d8d8d8", "#8a8a8a", "#2c2e31", "#2f4a34", "#5a3532", "#2b4158", ("#2b4158", "#3f6a97", "#5b97d6")),
)


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    text: str
    colour: str
    width: float = 1.5
    height: float = 0.56


class Canvas:
    """A drawing of boxes and arrows, a unit an inch."""

    def __init__(self, look: Look, width: float, height: float) -> None:
        self.look = look
        self.figure, self.axes = plt.subplots(figsize=(width, height))
        self.axes.set(xlim=(0, width), ylim=(0, height), aspect="equal")
        self.axes.axis("off")

    def box(self, box: Box) -> None:
        corner = (box.x - box.width / 2, box.y - box.height / 2)
        shape = mpl.patches.FancyBboxPatch(
            corner,
            box.width,
            box.height,
            boxstyle="round,pad=0,rounding_size=0.12",
            facecolor=box.colour,
            edgecolor=self.look.ink,
        )
        self.axes.add_patch(shape)
        self.axes.text(box.x, box.y, box.text, ha="center", va="center", fontsize=10, color=self.look.ink)

    def arrow(self, start: tuple[float, float], end: tuple[float, float], bend: float = 0.0) -> None:
        style = {"arrowstyle": "-|>", "color": self.look.ink, "connectionstyle": f"arc3,rad={bend}"}
        self.axes.annotate("", xy=end, xytext=start, arrowprops={**style, "shrinkA": 0, "shrinkB": 0})

    def label(self, x: float, y: float, text: str, align: str = "center") -> None:
        self.axes.text(x, y, text, ha=align, va="center", fontsize=8.5, color=self.look.ink, style="italic")


def _bare(axes: Axes, look: Look) -> None:
    """No frame, and ticks that are text only."""
    axes.tick_params(length=0, colors=look.ink)
    axes.set_facecolor("none")
    for side in axes.spines.values():
        side.set_visible(False)


def job_states(look: Look) -> plt.Figure:
    """The life of a job, from the transition table of ``engine/pool.py``."""
    canvas = Canvas(look, 10.2, 4.4)
    ends = {
        "succeeded": ("compute returned a result", look.good),
        "failed": ("compute raised", look.bad),
        "invalid return": ("compute returned no result", look.bad),
        "timed out": ("over its time limit", look.bad),
        "lost": ("worker gone, no attempts left", look.soft),
        "cancelled": ("the run was shut down", look.soft),
    }
    for x, text in ((1.6, "queued"), (4.3, "running")):
        canvas.box(Box(x, 2.2, text, look.blue))
    canvas.arrow((0.1, 2.2), (0.85, 2.2))
    canvas.label(0.45, 2.38, "decided")
    canvas.arrow((2.35, 2.2), (3.55, 2.2))
    canvas.label(2.95, 2.38, "worker free")
    canvas.arrow((4.0, 2.48), (1.9, 2.48), bend=0.45)
    canvas.label(2.95, 3.32, "worker lost, attempts left")
    for i, (state, (reason, colour)) in enumerate(ends.items()):
        y = 4.0 - 0.72 * i
        canvas.box(Box(7.3, y, state, colour, height=0.5))
        canvas.label(8.2, y, reason, "left")
        canvas.arrow((5.05, 2.2), (6.55, y))
    canvas.arrow((1.6, 1.92), (6.55, 0.4), bend=0.22)
    return canvas.figure


def who_talks_to_whom(look: Look) -> plt.Figure:
    canvas = Canvas(look, 8.4, 3.4)
    canvas.box(Box(1.5, 2.5, "nameserver", look.soft, 1.9))
    canvas.box(Box(4.4, 2.5, "master", look.blue, 1.9))
    canvas.box(Box(7.2, 2.5, "log, result,\nobservers", look.good, 1.9, 0.8))
    for i, name in enumerate(("worker 1", "worker 2", "worker n")):
        canvas.box(Box(2.2 + 2.2 * i, 0.6, name, look.soft, 1.6))
        canvas.arrow((2.2 + 2.2 * i, 0.9), (4.1 + 0.3 * i, 2.2))
    canvas.arrow((3.45, 2.5), (2.45, 2.5))
    canvas.label(2.95, 2.68, "registers")
    canvas.arrow((1.9, 0.9), (1.4, 2.2))
    canvas.label(1.5, 1.5, "looks up", "right")
    canvas.label(5.95, 1.5, "asks for a job, reports a result", "left")
    canvas.arrow((5.35, 2.5), (6.25, 2.5))
    canvas.label(5.8, 2.68, "events")
    return canvas.figure


def log_and_fold(look: Look) -> plt.Figure:
    """What happens goes into the log; what is in the log makes the state; the state decides what happens next."""
    canvas = Canvas(look, 9.8, 3.9)
    events = ("WorkerJoined", "OpenIteration", "QueueJob", "StartJob", "JobFinished", "EndJob", "...")
    for i, event in enumerate(events):
        canvas.box(Box(1.2, 3.3 - 0.45 * i, event, look.soft, 1.9, 0.38))
    canvas.label(1.2, 3.7, "the log, on the disk")
    canvas.box(Box(4.7, 2.7, "brackets, pool,\ngenerator", look.blue, 2.0, 0.8))
    canvas.label(4.7, 3.3, "the state, in memory")
    canvas.box(Box(8.2, 2.7, "what happens next", look.blue, 1.9))
    canvas.box(Box(4.7, 1.2, "result, progress bar,\nstatus, plots", look.good, 2.2, 0.8))
    canvas.arrow((2.25, 2.7), (3.65, 2.7))
    canvas.label(2.95, 2.88, "fold")
    canvas.arrow((5.75, 2.7), (7.2, 2.7))
    canvas.label(6.48, 2.88, "decide")
    canvas.arrow((2.25, 1.2), (3.55, 1.2))
    canvas.label(2.9, 1.38, "read")
    canvas.axes.plot([8.2, 8.2, 1.2], [2.4, 0.1, 0.1], color=look.ink, linewidth=1)
    canvas.arrow((1.2, 0.09), (1.2, 0.4))
    canvas.label(8.32, 1.2, "append", "left")
    return canvas.figure


def brackets(look: Look) -> plt.Figure:
    """One round of Hyperband from 9 to 243 with eta 3: a column a rung, a bar a rung's number of configurations."""
    round_of = hyperband_brackets(9, 243, 3)
    figure, axes = plt.subplots(figsize=(8.4, 2.9))
    budgets = round_of[0].budgets
    for row, bracket in enumerate(round_of):
        for size, budget in zip(bracket.num_configs, bracket.budgets, strict=True):
            column = budgets.index(budget)
            share = size / round_of[0].num_configs[0]
            axes.barh(
                -row, 0.12 + 0.75 * share, left=column, height=0.62, color=look.blue, edgecolor=look.ink, linewidth=0.8
            )
            axes.text(column + 0.06, -row, str(size), va="center", fontsize=9, color=look.ink)
    axes.set_xticks(range(len(budgets)), [f"budget {budget:g}" for budget in budgets], ha="left")
    axes.set_yticks([-row for row in range(len(round_of))], [f"iteration {row}" for row in range(len(round_of))])
    axes.set_xlim(-0.05, len(budgets))
    _bare(axes, look)
    return figure


class _Curves:
    """A problem whose losses fall with the budget, some later than others."""

    min_budget, max_budget = 1, 9

    def configspace(self, seed: int) -> Any:
        return ConfigSpace.ConfigurationSpace({"end": (0.05, 0.6), "slope": (0.2, 1.2)}, seed=seed)

    def __call__(self, config: dict[str, Any], budget: float) -> tuple[float, float]:
        return config["end"] + 0.6 * budget ** -config["slope"], budget


def bracket(look: Look) -> plt.Figure:
    """The first bracket of a simulated run: a learning curve a configuration, which ends where that is eliminated."""
    problem, (first, *_) = _Curves(), hyperband_brackets(1, 9, 3)
    result = simulate(HyperBand, problem, n_workers=1, total_budget=27, seed=2)
    figure, axes = plt.subplots(figsize=(8.4, 3.3))
    for config_id, entry in result.get_id2config_mapping().items():
        if config_id[0]:
            continue
        runs = result.get_runs_by_id(config_id)
        is_through = len(runs) == len(first.budgets)
        colour, width = (look.rungs[2], 2.2) if is_through else (look.pale, 1.2)
        columns = np.linspace(-0.5, len(runs) - 1, 60)
        axes.plot(columns, [problem(entry["config"], 3.0**column)[0] for column in columns], color=colour, lw=width)
        axes.scatter(range(len(runs)), [run.loss for run in runs], s=30, color=colour, zorder=3)
    sizes = zip(first.budgets, first.num_configs, strict=True)
    texts = [f"rung {i}: budget {budget:g}\n{size} runs" for i, (budget, size) in enumerate(sizes)]
    axes.set_xticks(range(3), [*texts[:2], texts[2].removesuffix("s")])
    axes.set_xlim(-0.55, 2.3)
    axes.set_ylabel("loss", color=look.ink)
    _bare(axes, look)
    axes.set_yticks([])
    return figure


def promotion(look: Look) -> plt.Figure:
    """The same workers in steps and without: a bar a run, its number that of the configuration."""
    figure, rows = plt.subplots(2, 1, figsize=(8.4, 4.6), sharex=True)
    runs = {}
    for optimizer in (HyperBand, ASHA):
        workload = Workload(straggling=0.35, continues=False)
        result = simulate(optimizer, _Curves(), n_workers=4, total_budget=4 * 21, seed=2, workload=workload)
        runs[optimizer] = result.get_all_runs()
    first = [run for run in runs[HyperBand] if run.config_id[0] == 0]
    rest = [run for run in runs[HyperBand] if run.config_id[0] != 0]
    _time_lines(rows[0], look, first, rest)
    _time_lines(rows[1], look, runs[ASHA], [])
    titles = (
        "HyperBand: nobody is promoted before the last run of a rung has ended",
        "ASHA: who is among the best third of the results so far is promoted at once",
    )
    for axes, title in zip(rows, titles, strict=True):
        axes.set_title(title, fontsize=9.5, color=look.ink, loc="left")
    rows[1].set_xlim(0, max(run.time_stamps["finished"] for run in first) * 1.02)
    rows[1].set_xticks([])
    names = ["budget 1", "budget 3", "budget 9", "of the next bracket"]
    handles = [mpl.patches.Patch(facecolor=face, edgecolor=look.ink) for face in (*look.rungs, look.soft)]
    legend = figure.legend(handles, names, ncols=4, loc="lower center", frameon=False, fontsize=9)
    for text in legend.get_texts():
        text.set_color(look.ink)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    return figure


def _time_lines(axes: Axes, look: Look, runs: list[Run], others: list[Run]) -> None:
    """A line a worker; the workers are alike, so whoever is free will do."""
    busy: list[float] = []  # until when each line is taken
    numbers: dict[Any, int] = {}
    for run in sorted([*runs, *others], key=lambda run: (run.time_stamps["started"], run.config_id)):
        begin, end = run.time_stamps["started"], run.time_stamps["finished"]
        line = next((i for i, until in enumerate(busy) if until <= begin + 1e-9), len(busy))
        busy[line : line + 1] = [end]
        colour = look.soft if run in others else look.rungs[(1, 3, 9).index(run.budget)]
        axes.barh(-line, end - begin, left=begin, height=0.8, color=colour, edgecolor=look.ink, linewidth=0.8)
        if run not in others:
            number = str(numbers.setdefault(run.config_id, len(numbers) + 1))
            axes.text(
                (begin + end) / 2, -line, number, ha="center", va="center", fontsize=8, color=look.ink, clip_on=True
            )
    axes.set_yticks([-i for i in range(len(busy))], [f"worker {i + 1}" for i in range(len(busy))])
    _bare(axes, look)


DIAGRAMS: tuple[Callable[[Look], plt.Figure], ...] = (
    bracket,
    brackets,
    job_states,
    log_and_fold,
    promotion,
    who_talks_to_whom,
)


def draw_all(folder: Path) -> None:
    """Write every diagram as two SVG files, ``NAME-light.svg`` and ``NAME-dark.svg``."""
    folder.mkdir(parents=True, exist_ok=True)
    for draw in DIAGRAMS:
        for look in LOOKS:
            figure = draw(look)
            path = folder / f"{draw.__name__}-{look.name}.svg"
            figure.savefig(path, bbox_inches="tight", transparent=True, metadata={"Date": None})
            plt.close(figure)
