"""Who computed what, and when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hpbandster_ng.analysis.timeline import Span, Timeline, timeline_of_runs
from hpbandster_ng.core.run import OutcomeState, Run
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.visualization import figure as look
from hpbandster_ng.visualization.backends import drawn
from hpbandster_ng.visualization.palette import (
    GRID,
    INK,
    TIME_LABEL,
    budget_label,
    busy_names,
    outcome_marks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["worker_timeline"]

_NARROWEST = 1 / 2000
"""Of the whole time; what is shorter is put together with its neighbours."""
_ALONE = 1 / 200
"""Of the whole time; shorter bars have no white edge, which would hide them."""
_MANY_MARKS = 200
_MOST_NAMES = 50
_HALF = 0.36


def worker_timeline(
    runs: Iterable[Run], timeline: Timeline | None = None, show: bool = False, *, backend: str = "matplotlib"
) -> Any:
    """What each worker computed, and when: a row a worker, a bar a run, coloured by its budget.

    A pale bar with a mark at its end is a run without a loss, and the mark says how it ended; without a mark, it goes
    on. Beside the worker's name stands the share of its time for which it computed.

    Args:
        runs: ``result.get_all_runs()``. They tell their workers in results of this package, not in those of the
            predecessor, nor in ``results.json``.
        timeline: what the log of the run tells instead
            (:func:`~hpbandster_ng.analysis.timeline.timeline_of_events`): attempts that ended with the loss of their
            worker, and when workers came and left, as well.
        show: open a window.
        backend: ``"matplotlib"`` or ``"plotly"``.

    Raises:
        InvalidArgumentError: of no run the worker is known.
        MissingExtraError: the backend is not installed.
    """
    told = timeline_of_runs(runs) if timeline is None else timeline
    if not told.spans:
        raise InvalidArgumentError(
            "runs",
            "no run with a worker",
            "must tell who computed them",
            "take the result of a run of this package, not one of a log in the predecessor's format",
        )
    length = max(span.finished for span in told.spans) - min(span.started for span in told.spans)
    coarse = told.coarse(length * _NARROWEST)
    busy = told.busy
    return drawn(backend, show, lambda: _draw(coarse, busy), lambda plotly: plotly.worker_timeline(coarse, busy))


def _draw(told: Timeline, busy: dict[str, float]) -> tuple[Figure, Axes]:
    workers = {worker: row for row, worker in enumerate(told.workers)}
    budgets = sorted({span.budget for span in told.spans})
    height = max(1.6 + 0.3 * len(workers), 1.8 + 0.22 * len(budgets))
    figure, axes = look.new_figure("What each worker computed", height=min(11.0, height))
    if told.presences:
        rows, lefts, rights = zip(
            *((workers[each.worker], each.joined, each.left) for each in told.presences), strict=True
        )
        axes.barh(rows, np.subtract(rights, lefts), left=lefts, height=0.9, color=GRID, label="there")
    for budget, color in look.budget_colors(budgets).items():
        spans = [span for span in told.spans if span.budget == budget]
        _draw_bars(axes, spans, [workers[span.worker] for span in spans], color, budget_label(budget))
    for outcome, (mark, _) in outcome_marks.items():
        ends = [(span.finished, workers[span.worker]) for span in told.spans if span.outcome is outcome]
        if ends:
            label = f"{outcome.value} ({sum(span.count for span in told.spans if span.outcome is outcome)})"
            size = 6 if len(ends) <= _MANY_MARKS else 3
            axes.plot(*zip(*ends, strict=True), mark, color=INK, fillstyle="none", markersize=size, label=label)
    look.mark_the_start(axes, min(span.started for span in told.spans))
    _name_rows(axes, list(workers), busy)
    axes.set_xlabel(TIME_LABEL)
    axes.set_ylabel("worker (time busy)")
    axes.grid(visible=False, axis="y")
    look.budget_legend(axes, title="budget")
    return figure, axes


def _draw_bars(axes: Axes, spans: Sequence[Span], rows: Sequence[int], color: Any, label: str) -> None:
    from matplotlib.collections import PolyCollection  # noqa: PLC0415 - an extra

    left, right = (np.array([getattr(span, end) for span in spans]) for end in ("started", "finished"))
    low, high = np.array(rows) - _HALF, np.array(rows) + _HALF
    corners = np.stack([np.stack([left, left, right, right], 1), np.stack([low, high, high, low], 1)], axis=2)
    is_wide = right - left > _ALONE * (right.max() - left.min())
    faces = [_lighter(color) if span.outcome is not OutcomeState.SUCCEEDED else color for span in spans]
    edges = ["white" if wide else face for wide, face in zip(is_wide, faces, strict=True)]
    axes.add_collection(PolyCollection(list(corners), facecolors=faces, edgecolors=edges, linewidths=0.4))
    axes.plot([], [], "s", color=color, markersize=8, label=label)
    axes.update_datalim(corners.reshape(-1, 2))
    axes.autoscale_view()


def _lighter(color: Sequence[float]) -> tuple[float, ...]:
    return tuple(0.45 * part + 0.55 for part in color[:3])


def _name_rows(axes: Axes, workers: Sequence[str], busy: dict[str, float]) -> None:
    """The first worker is at the top."""
    axes.set_ylim(len(workers) - 0.4, -0.6)
    if len(workers) > _MOST_NAMES:
        return
    axes.set_yticks(range(len(workers)), busy_names(workers, busy), fontsize=8, parse_math=False)
    axes.tick_params(axis="y", length=0)
