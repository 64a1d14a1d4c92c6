"""How the run is: state, counts, incumbent, time left."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hpbandster_ng.interfaces.dashboard.columns import STATES, RunColumns, State
from hpbandster_ng.interfaces.dashboard.payloads import shown
from hpbandster_ng.interfaces.dashboard.view import RunView
from hpbandster_ng.terminal import answers

__all__ = ["overview", "state_of"]

_MOST_BUDGETS = 40


def overview(view: RunView, now: float) -> dict[str, Any]:
    """What one wants to know first.

    Args:
        now: unix seconds.
    """
    columns = view.columns()
    state, told = state_of(view, now)
    left, why = _time_left(view, now)
    settings = shown.settings_of(view)
    end = now if state == "running" else view.last_at or now
    return {
        "state": state,
        "told": told,
        "optimizer": None if "optimizer" not in settings else shown.text(settings["optimizer"]),
        "began": view.first_at and view.began,
        "elapsed": None if view.first_at is None else max(0.0, end - view.began),
        "last_event": None if view.last_at is None else max(0.0, now - view.last_at),
        "iterations": {"begun": len(view.iterations), "requested": _requested(view)},
        "counts": {STATES[state]: count for state, count in sorted(view.counts.items()) if count},
        "configurations": len(view.configurations),
        "spent": shown.number(view.spent, 12),
        "workers": {
            "known": len(view.workers),
            "here": sum(worker.is_here for worker in view.workers),
            "busy": sum(worker.num_running > 0 for worker in view.workers),
        },
        "incumbent": _incumbent(view),
        "budgets": _budgets(columns),
        "seconds_left": left,
        "why_left": why,
        "happened": [[at - view.began, kind, shown.text(text)] for at, kind, text in reversed(view.happened)],
        "settings": {name: shown.text(value) for name, value in settings.items() if _is_told(name, value)},
    }


def _is_told(name: str, value: Any) -> bool:
    return name not in ("configspace", "settings", "optimizer") and value is not None and value != {}


def _requested(view: RunView) -> int | None:
    """How many iterations in all; None if there is no limit, or nobody told."""
    asked = view.standing.n_asked
    return int(asked) if view.standing.requests and math.isfinite(asked) else None


def state_of(view: RunView, now: float) -> tuple[str, str]:
    """One word, and what it means here."""
    standing = view.standing
    if view.first_at is None:
        return "empty", "nothing has been recorded yet: the run has not begun"
    if view.is_recorded:
        return "recorded", "a folder of results does not tell whether its run goes on"
    request = standing.requests[-1] if standing.requests else None
    is_over = request is not None and request.deadline is not None and now >= request.deadline
    words = {
        "running": bool(standing.running),
        "cancelled": standing.cancelled is not None,
        "finished": standing.is_finished,
        "stopped": is_over,
    }
    word = next((word for word, applies in words.items() if applies), "waiting")
    return word, answers.state(standing, now, is_shared=view.is_experiment).removeprefix(f"{word}: ")


def _time_left(view: RunView, now: float) -> tuple[float | None, str]:
    """Seconds until all that was asked for is done, roughly, and what that rests on; or why nobody knows."""
    standing = view.standing
    if not standing.requests or view.is_recorded:
        return None, "nobody told what was asked for"
    if not view.num_open and state_of(view, now)[0] in ("finished", "cancelled", "stopped"):
        return None, "nothing is left"
    left, deadline = standing.seconds_left(now), standing.requests[-1].deadline
    if left is not None and deadline is not None and left >= deadline - now:
        return left, "the time limit"
    if left is not None:
        count = len(standing.workers)
        return left, f"what is planned, and how fast {answers.counted(count, 'worker')} went so far"
    if not standing.workers:
        return None, "no worker is there"
    if standing.budget_planned is not None:
        return None, "no run has ended yet"
    return None, "there is no limit" if math.isinf(standing.n_asked) else "nobody told what is planned"


def _incumbent(view: RunView) -> dict[str, Any] | None:
    if not view.incumbents:
        return None
    best = view.incumbents[-1]
    configuration = view.configurations[view.runs.config[best.run]]
    return {
        "id": shown.id_of(configuration.config_id),
        "loss": shown.number(best.loss),
        "budget": best.budget,
        "at": best.at - view.began,
        "picked_by": shown.picked_by(configuration.info),
        "config": shown.values(configuration.config),
    }


def _budgets(columns: RunColumns) -> list[dict[str, Any]]:
    rows = []
    for budget in np.unique(columns.budget)[-_MOST_BUDGETS:]:
        on_it = columns.budget == budget
        success, took = on_it & columns.is_success, (columns.finished - columns.started)[on_it & columns.has_ended]
        took = took[np.isfinite(took)]
        rows.append(
            {
                "budget": float(budget),
                "succeeded": int(success.sum()),
                "failed": int((on_it & columns.is_fault).sum()),
                "open": int((on_it & (columns.state <= State.RUNNING)).sum()),
                "best": shown.number(float(columns.loss[success].min()) if success.any() else math.nan),
                "seconds": shown.number(float(np.median(took)) if len(took) else math.nan, 4),
            }
        )
    return rows
