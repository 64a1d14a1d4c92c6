"""Learning curves: the loss over the budget."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpbandster_ng.interfaces.dashboard.columns import State
from hpbandster_ng.interfaces.dashboard.payloads import shown
from hpbandster_ng.interfaces.dashboard.view import RunView

__all__ = ["curves"]

_NUM_BEST = 80
_NUM_OTHERS = 120


def curves(view: RunView, iteration: int | None = None) -> dict[str, Any]:
    """The curves of the best configurations, and of a sample of the others.

    The best got farthest, with the lowest loss there.

    Args:
        iteration: only those of one; None for all.
    """
    columns = view.columns()
    last = shown.last_runs(view, columns)
    members = np.arange(len(last)) if iteration is None else np.array(view.members.get(iteration, []), dtype=np.int64)
    members = members[last[members] >= 0]
    runs = last[members]
    rank = np.empty(len(runs))
    rank[np.lexsort((columns.loss[runs], -columns.budget[runs]))] = np.arange(len(runs))
    chosen = members[shown.best_and_sample(rank, _NUM_BEST, _NUM_OTHERS)]
    best = np.lexsort((columns.loss[last[chosen]], -columns.budget[last[chosen]]))
    found = columns.loss[columns.is_success]
    return {
        "iterations": {"first": min(view.members, default=None), "last": max(view.members, default=None)},
        "num_configurations": len(members),
        "curves": [_curve(view, number) for number in chosen[best].tolist()],
        "is_positive": bool(len(found)) and bool(found.min() > 0),
    }


def _curve(view: RunView, number: int) -> dict[str, Any]:
    configuration, runs = view.configurations[number], view.runs
    points = sorted(
        (runs.budget[run], runs.loss[run]) for run in configuration.runs if runs.state[run] == State.SUCCEEDED
    )
    return {
        "id": shown.id_of(configuration.config_id),
        "iteration": configuration.config_id[0],
        "picked_by": shown.picked_by(configuration.info),
        "config": shown.values(configuration.config),
        "points": [[budget, shown.number(loss)] for budget, loss in points],
    }
