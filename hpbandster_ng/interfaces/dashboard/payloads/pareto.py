"""The Pareto front of an experiment that optimises several metrics, among all that was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.experiments.metrics import Metrics
from hpbandster_ng.interfaces.dashboard.payloads import shown
from hpbandster_ng.interfaces.dashboard.view import RunView

__all__ = ["pareto"]

_MOST_OF_FRONT = 500
_MOST_OTHERS = 1500


def pareto(view: RunView, first: str | None = None, second: str | None = None) -> dict[str, Any]:
    """Who is on the front, on the largest budget that has a feasible configuration, and a sample of the others there.

    Args:
        first, second: the names of the two metrics of the picture; the first two that are optimised by default. The
            front is that of all metrics that are optimised.

    Returns:
        ``{"metrics": [{"name", "objective", "strategy"}], "first", "second", "budget", "front": [{"id", "values"}],
        "others": [{"id", "values", "is_feasible"}], ...}``; values are in the order of ``metrics``, the front the best
        by the first metric first. No metrics where fewer than two are optimised.
    """
    metrics = _metrics_of(view)
    if metrics is None:
        return {"metrics": []}
    budget, runs, is_feasible = _on_largest_budget(view, metrics)
    measured = [view.measured[run] for run in runs]
    feasible = np.flatnonzero(is_feasible).tolist()
    front = [feasible[place] for place in metrics.front([measured[place] for place in feasible])]
    others = np.setdiff1d(np.arange(len(runs)), front)
    sample = others[shown.best_and_sample(np.zeros(len(others)), 0, _MOST_OTHERS)].tolist()
    names = [metric.name for metric in metrics.optimised]
    x = first if first in names else next(name for name in names if name != second)
    y = second if second in names and second != x else next(name for name in names if name != x)

    def told(place: int) -> dict[str, Any]:
        config = view.configurations[view.runs.config[runs[place]]]
        values = [shown.number(measured[place][metric.name]) for metric in metrics.all]
        return {"id": shown.id_of(config.config_id), "values": values}

    return {
        "metrics": [{key: each[key] for key in ("name", "objective", "strategy")} for each in metrics.as_plain()],
        "first": x,
        "second": y,
        "budget": budget,
        "num_runs": len(runs),
        "num_infeasible": len(runs) - len(feasible),
        "num_front": len(front),
        "front": [told(place) for place in front[:_MOST_OF_FRONT]],
        "others": [{**told(place), "is_feasible": is_feasible[place]} for place in sample],
    }


def _metrics_of(view: RunView) -> Metrics | None:
    """Those of the experiment; None if it is none, or optimises one alone."""
    described = {} if view.described is None else view.described.description
    try:
        metrics = Metrics(described.get("metrics") or [])
    except (InvalidArgumentError, TypeError):  # what a log says may be anything
        return None
    return metrics if len(metrics.optimised) > 1 else None


def _on_largest_budget(view: RunView, metrics: Metrics) -> tuple[float | None, list[int], list[bool]]:
    """The largest budget with a feasible run, or else with any; the runs measured there, and which are feasible."""
    budgets = view.runs.budget
    is_feasible = {run: metrics.is_feasible(it) for run, it in view.measured.items() if _is_whole(it, metrics)}
    usual = {budgets[run] for run, is_good in is_feasible.items() if is_good} or {budgets[run] for run in is_feasible}
    largest = max(usual, default=None)
    runs = [run for run in is_feasible if budgets[run] == largest]
    return largest, runs, [is_feasible[run] for run in runs]


def _is_whole(values: Any, metrics: Metrics) -> bool:
    """Whether there is a number for each metric."""
    if not isinstance(values, Mapping):
        return False
    found = (values.get(metric.name) for metric in metrics.all)
    return all(isinstance(value, int | float) and math.isfinite(value) for value in found)
