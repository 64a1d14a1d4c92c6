"""Which configuration stands where: iterations, their rungs, and who is on them."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from hpbandster_ng.interfaces.dashboard.columns import State
from hpbandster_ng.interfaces.dashboard.payloads import shown
from hpbandster_ng.interfaces.dashboard.view import Configuration, RunView

__all__ = ["brackets"]

_MOST_CELLS = 243
"""On a rung."""

_AT_A_TIME = 8
"""Iterations."""

_ORDER = ("running", "queued", "went on", "completed", "waits", "out", "failed", "lost", "cancelled")
_UNTIL_ENDED = {State.QUEUED: "queued", State.RUNNING: "running", State.CANCELLED: "cancelled", State.LOST: "lost"}


def brackets(view: RunView, last: int | None = None) -> dict[str, Any]:
    """Some iterations, the newest first.

    Args:
        last: the number of the newest one to show; None for the newest of all.

    Returns:
        ``{"iterations": [{"iteration", "rungs": [{"budget", "counts", "cells": [[id, standing, loss]], "more"}]}]}``
        and which iterations there are. A configuration ``went on`` to a larger budget, ``waits`` for the rung or for a
        promotion, is ``out``, has ``completed`` the largest budget, or ``failed``.
    """
    known = sorted(view.members.keys() | view.iterations.keys())
    shown_ones = [number for number in known if last is None or number <= last][-_AT_A_TIME:]
    full = shown.settings_of(view).get("max_budget")
    highest = max([*view.best, *([full] if isinstance(full, int | float) else [])], default=math.inf)
    return {
        "first": known[0] if known else None,
        "last": known[-1] if known else None,
        "num_iterations": len(known),
        "iterations": [
            {"iteration": number, "rungs": _rungs(view, view.members.get(number, []), float(highest))}
            for number in reversed(shown_ones)
        ],
    }


def _rungs(view: RunView, members: list[int], highest: float) -> list[dict[str, Any]]:
    on_rungs: dict[float, list[tuple[int, float, str, str]]] = {}
    budgets = {view.runs.budget[run] for number in members for run in view.configurations[number].runs}
    top = max(budgets, default=0.0)
    for number in members:
        configuration = view.configurations[number]
        for run in configuration.runs:
            budget, loss = view.runs.budget[run], view.runs.loss[run]
            standing = _standing(view, configuration, run, highest, top)
            cell = _ORDER.index(standing), loss, shown.id_of(configuration.config_id), standing
            on_rungs.setdefault(budget, []).append(cell)
    return [_rung(budget, cells) for budget, cells in sorted(on_rungs.items())]


def _rung(budget: float, cells: list[tuple[int, float, str, str]]) -> dict[str, Any]:
    ranked = sorted(cells, key=lambda cell: (cell[0], math.inf if math.isnan(cell[1]) else cell[1]))
    counts = Counter(standing for *_, standing in ranked)
    return {
        "budget": budget,
        "counts": {standing: counts[standing] for standing in _ORDER if counts[standing]},
        "cells": [[name, standing, shown.number(loss)] for _, loss, name, standing in ranked[:_MOST_CELLS]],
        "more": max(0, len(ranked) - _MOST_CELLS),
    }


def _standing(view: RunView, configuration: Configuration, run: int, highest: float, top: float) -> str:
    """Where a configuration stands on the rung of one of its runs.

    Args:
        highest: the largest budget of the run of the optimizer.
        top: the largest budget that somebody of the iteration has.
    """
    state, budget = view.runs.state[run], view.runs.budget[run]
    if state in _UNTIL_ENDED:
        return _UNTIL_ENDED[state]
    if state != State.SUCCEEDED:
        return "failed"
    if any(view.runs.budget[other] > budget for other in configuration.runs):
        return "went on"
    if budget >= highest:
        return "completed"
    if configuration.is_out or (view.is_recorded and budget < top):
        return "out"
    return "waits"
