"""The incumbent over time and over budget, among the losses of all runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpbandster_ng.interfaces.dashboard.payloads import shown
from hpbandster_ng.interfaces.dashboard.view import Best, RunView

__all__ = ["losses", "trajectory"]

_MOST_POINTS = 2000
_MOST_BUDGETS = 12
_MOST_CHANGES = 500
_USUAL = 95.0
"""Percentile: losses above may be left out of the picture, so that the others can be told apart."""


def losses(view: RunView) -> dict[str, Any]:
    """Who was best when, on all budgets and on each, and a sample of the runs."""
    columns = view.columns()
    runs = np.flatnonzero(columns.is_success)
    order = np.argsort(columns.finished, kind="stable")
    spent = np.empty(len(order))
    spent[order] = np.cumsum(np.where(columns.has_ended, columns.budget, 0.0)[order])
    chosen = runs[shown.best_and_sample(columns.loss[runs], _MOST_POINTS // 4, 3 * _MOST_POINTS // 4)]
    budgets = sorted(view.best)[-_MOST_BUDGETS:]
    end = max((view.last_at or 0.0) - view.began, 0.0)
    found = columns.loss[runs]
    return {
        "incumbents": trajectory(view, view.incumbents),
        "budgets": [
            {"budget": budget, "best": trajectory(view, view.best[budget]), "runs": []}
            if not len(chosen)
            else {
                "budget": budget,
                "best": trajectory(view, view.best[budget]),
                "runs": [
                    [
                        shown.number(float(columns.finished[run]) - view.began, 9),
                        shown.number(float(spent[run]), 12),
                        shown.number(float(columns.loss[run])),
                        shown.id_of(view.configurations[columns.config[run]].config_id),
                    ]
                    for run in chosen[columns.budget[chosen] == budget].tolist()
                ],
            }
            for budget in budgets
        ],
        "num_runs": len(runs),
        "num_shown": len(chosen),
        "end": shown.number(end, 9),
        "spent": shown.number(view.spent, 12),
        "usual": [] if not len(found) else [shown.number(float(found.min())), shown.number(_usual_high(found))],
        "is_positive": bool(len(found)) and bool(found.min() > 0),
    }


def trajectory(view: RunView, bests: list[Best]) -> list[list[Any]]:
    """``[time, spent, budget, loss, id]`` a change, the last ones if there are very many."""
    return [
        [
            shown.number(best.at - view.began, 9),
            shown.number(best.spent, 12),
            best.budget,
            shown.number(best.loss),
            shown.id_of(view.configurations[view.runs.config[best.run]].config_id),
        ]
        for best in bests[-_MOST_CHANGES:]
    ]


def _usual_high(found: shown.Numbers) -> float:
    return float(np.percentile(found, _USUAL)) if len(found) > 20 else float(found.max())
