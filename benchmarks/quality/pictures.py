"""The curves: mean regret over the share of the wall clock."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.quality.optimizers import OURS
from benchmarks.quality.results import CHECKPOINTS, SHARES, Row, normalised, table
from hpbandster_ng.visualization.figure import STYLE

__all__ = ["save_curves"]

_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#222222")
"""Of Okabe and Ito: distinct to every kind of colour vision. Markers tell apart what shares a colour."""

_MARKERS = "os^Dv"
_LINE_OF_TEXT = 0.038
"""Of the height of a panel."""

_PANEL = (7.6, 4.4)
"""Inches; below each other, so that names are read where a page shows the whole picture."""


def save_curves(rows: Sequence[Row], path: Path) -> None:
    """Draw a panel for each number of workers; ours are solid lines, others' dashed ones."""
    regrets = normalised(rows)
    numbers = sorted({key.workers for key in regrets})
    styles = _styles(sorted({key.optimizer for key in regrets}, key=lambda name: (name not in OURS, name)))
    count = max(1, len(numbers))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(count, figsize=(_PANEL[0], _PANEL[1] * count), squeeze=False)
        for panel, workers in zip(axes[:, 0], numbers, strict=False):
            _panel(panel, {name: each.mean for name, each in table(regrets, workers).items()}, styles)
            panel.set_title(f"{workers} worker{'s' if workers > 1 else ''}")
            panel.set_ylabel("mean normalised regret")
        figure.tight_layout(h_pad=2)
        figure.savefig(path, dpi=130)
        plt.close(figure)


def _styles(optimizers: Sequence[str]) -> dict[str, dict[str, Any]]:
    styles = {}
    looks = zip(optimizers, cycle(_COLORS), (_MARKERS[i // len(_COLORS)] for i in range(len(optimizers))), strict=False)
    for optimizer, color, marker in looks:
        line, weight = ("-", 2.0) if optimizer in OURS else ("--", 1.2)
        styles[optimizer] = {"color": color, "marker": marker, "linestyle": line, "linewidth": weight}
    return styles


def _panel(panel: Any, curves: dict[str, np.ndarray], styles: dict[str, dict[str, Any]]) -> None:
    at = [SHARES.index(share) for share in CHECKPOINTS]
    for optimizer, regret in curves.items():
        panel.plot(SHARES, regret, markersize=4, markevery=at, clip_on=False, **styles[optimizer])
    panel.set(xscale="log", yscale="log", xlabel="share of the wall clock", xlim=(SHARES[0], 1))
    panel.set_xticks(CHECKPOINTS)
    panel.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0%}"))
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.yaxis.set_major_formatter(FuncFormatter(lambda regret, _: f"{regret:g}"))
    panel.yaxis.set_minor_formatter(FuncFormatter(_minor))
    _label(panel, curves, styles)


def _minor(value: float, _position: int) -> str:
    first_digit = round(value / 10 ** np.floor(np.log10(value)))
    return f"{value:.2g}" if first_digit in (2, 5) else ""


def _label(panel: Any, curves: dict[str, np.ndarray], styles: dict[str, dict[str, Any]]) -> None:
    """Write names beside the ends of the curves, moved apart where they would overlap."""
    low, high = np.log(panel.get_ylim())
    ends = {name: (np.log(regret[-1]) - low) / (high - low) for name, regret in curves.items() if regret[-1] > 0}
    names = sorted(ends, key=ends.__getitem__)
    for name, height in zip(names, _moved_apart([ends[name] for name in names]), strict=True):
        panel.annotate(
            name,
            xy=(1, ends[name]),
            xytext=(1.06, height),
            xycoords="axes fraction",
            textcoords="axes fraction",
            va="center",
            fontsize=8.5,
            color=styles[name]["color"],
            arrowprops={
                "arrowstyle": "-",
                "color": styles[name]["color"],
                "linewidth": 0.6,
                "relpos": (0.0, 0.5),
                "shrinkA": 1,
                "shrinkB": 0,
            },
            annotation_clip=False,
        )


def _moved_apart(heights: Sequence[float]) -> list[float]:
    """Ascending heights with a line of text between each two, as near to where they were as that leaves them.

    Example:
        >>> [round(height, 3) for height in _moved_apart([0.1, 0.1, 0.5])]
        [0.081, 0.119, 0.5]
    """
    lines = _LINE_OF_TEXT * np.arange(len(heights))
    blocks: list[tuple[float, int]] = []  # those that touch: where the first one's line would be, and how many
    for lowest in (np.asarray(heights) - lines).tolist():
        mean, size = lowest, 1
        while blocks and blocks[-1][0] > mean:
            below, count = blocks.pop()
            mean, size = (mean * size + below * count) / (size + count), size + count
        blocks.append((mean, size))
    return [float(height) for height in lines + np.repeat([mean for mean, _ in blocks], [size for _, size in blocks])]
