"""Parallel coordinates: a line a configuration, across its values and its loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpbandster_ng.interfaces.dashboard.payloads import shown
from hpbandster_ng.interfaces.dashboard.payloads.table import parameter_names
from hpbandster_ng.interfaces.dashboard.view import RunView

__all__ = ["coordinates"]

_NUM_BEST = 150
_NUM_OTHERS = 350
_MOST_AXES = 20
_MOST_CATEGORIES = 30
_ENOUGH = 10
"""So many configurations on a budget make a picture; without, a lower budget is shown at first."""


def coordinates(view: RunView, budget: float | None = None) -> dict[str, Any]:
    """The axes, and the configurations with a loss on a budget: the best, and a sample of the others.

    Args:
        budget: the largest with enough of them by default.

    Returns:
        ``{"axes": [{"name", "type", "categories", "low", "high"}], "rows": [{"id", "values", "loss"}]}``; a value of a
        category is its place among the categories, and None where the hyperparameter is inactive.
    """
    columns = view.columns()
    counts = {each: int(((columns.budget == each) & columns.is_success).sum()) for each in sorted(view.best)}
    chosen = _chosen(counts, budget)
    runs = np.flatnonzero((columns.budget == chosen) & columns.is_success) if chosen is not None else np.arange(0)
    runs = runs[shown.best_and_sample(columns.loss[runs], _NUM_BEST, _NUM_OTHERS)]
    configs = [view.configurations[number].config for number in columns.config[runs].tolist()]
    names = parameter_names(view)
    scales = _scales(view)
    axes = [_axis(name, [config.get(name) for config in configs], scales.get(name, {})) for name in names]
    axes = [axis for axis in axes if axis["type"] != "constant"][:_MOST_AXES]
    losses = columns.loss[runs]
    return {
        "budgets": [[shown.number(each), count] for each, count in counts.items()],
        "budget": shown.number(chosen),
        "num_configurations": counts.get(chosen, 0) if chosen is not None else 0,
        "axes": axes,
        "rows": [
            {
                "id": shown.id_of(view.configurations[columns.config[run]].config_id),
                "values": [_coordinate(axis, config.get(axis["name"])) for axis in axes],
                "loss": shown.number(float(loss)),
            }
            for run, config, loss in zip(runs.tolist(), configs, losses, strict=True)
        ],
    }


def _chosen(counts: dict[float, int], budget: float | None) -> float | None:
    if budget is not None:
        return min(counts, key=lambda each: abs(each - budget), default=None)
    enough = [each for each, count in counts.items() if count >= _ENOUGH]
    return max(enough or counts, default=None)


def _scales(view: RunView) -> dict[str, dict[str, Any]]:
    """What the search space tells of each hyperparameter."""
    space = shown.settings_of(view).get("configspace")
    listed = space.get("hyperparameters", []) if isinstance(space, dict) else []
    return {str(each["name"]): each for each in listed if isinstance(each, dict) and "name" in each}


def _axis(name: str, found: list[Any], told: dict[str, Any]) -> dict[str, Any]:
    values = [value for value in found if value is not None]
    if values and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        low, high = min(values), max(values)
        is_log = bool(told.get("log")) and low > 0
        kind = "constant" if low == high and len(values) > 1 and told.get("lower") is None else "number"
        bounds = [told.get("lower", low), told.get("upper", high)]
        low, high = (bound if isinstance(bound, int | float) else low for bound in bounds)
        return {"name": name, "type": "log" if kind == "number" and is_log else kind, "low": low, "high": high}
    told_ones = told.get("choices") or told.get("sequence") or []
    categories = list(dict.fromkeys(shown.text(value, 40) for value in [*told_ones, *values]))[:_MOST_CATEGORIES]
    return {"name": name, "type": "category" if len(categories) > 1 else "constant", "categories": categories}


def _coordinate(axis: dict[str, Any], value: Any) -> float | None:
    if value is None:
        return None
    if axis["type"] == "category":
        shown_value = shown.text(value, 40)
        return axis["categories"].index(shown_value) if shown_value in axis["categories"] else None
    return shown.number(float(value))
