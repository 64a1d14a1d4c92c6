"""Two runs beside each other."""

from __future__ import annotations

from typing import Any, NamedTuple

from hpbandster_ng.interfaces.dashboard.payloads import shown
from hpbandster_ng.interfaces.dashboard.payloads.losses import trajectory
from hpbandster_ng.interfaces.dashboard.payloads.overview import overview
from hpbandster_ng.interfaces.dashboard.view import RunView

__all__ = ["Side", "comparison", "side_of"]

_TOLD_ELSEWHERE = ("configspace", "settings", "metrics")
_MOST_BUDGETS = 12


class Side(NamedTuple):
    """What a comparison needs of a run.

    Attributes:
        summary: how far it is, and its incumbents.
        settings: of the optimizer.
        space: the search space; None if it is not told.
        best: the trajectory on each budget.
    """

    summary: dict[str, Any]
    settings: dict[str, Any]
    space: Any
    best: dict[float, list[list[Any]]]


def side_of(view: RunView, now: float) -> Side:
    whole, settings = overview(view, now), shown.settings_of(view)
    kept = ("state", "optimizer", "elapsed", "iterations", "spent", "incumbent", "configurations", "counts")
    summary = {
        **{name: whole[name] for name in kept},
        "end": max((view.last_at or 0.0) - view.began, 0.0),
        "incumbents": trajectory(view, view.incumbents),
    }
    best = {budget: trajectory(view, view.best[budget]) for budget in sorted(view.best)}
    told = {name: value for name, value in settings.items() if name not in _TOLD_ELSEWHERE}
    return Side(summary, told, settings.get("configspace"), best)


def comparison(first: Side, second: Side) -> dict[str, Any]:
    """How far each is, who was best when, and which settings differ."""
    common = [budget for budget in first.best if budget in second.best]
    settings = first.settings, second.settings
    return {
        "runs": [first.summary, second.summary],
        "budgets": [
            {"budget": budget, "best": [first.best[budget], second.best[budget]]} for budget in common[-_MOST_BUDGETS:]
        ],
        "settings": [
            [name, *(shown.text(each[name]) if name in each else None for each in settings)]
            for name in {**first.settings, **second.settings}
            if first.settings.get(name) != second.settings.get(name)
        ],
        "has_same_space": None if None in (first.space, second.space) else first.space == second.space,
    }
