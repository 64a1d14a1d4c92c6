"""Parallel coordinates: a line a configuration, across its values and its loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpbandster_ng.analysis.parameters import Parameter
from hpbandster_ng.interfaces.dashboard.payloads import shown
from hpbandster_ng.interfaces.dashboard.payloads.space import parameters_of
from hpbandster_ng.interfaces.dashboard.view import RunView

__all__ = ["coordinates"]

_NUM_BEST = 150
_NUM_OTHERS = 350
_MOST_AXES = 20
_ENOUGH = 10
"""So many configurations on a budget make a picture; without, a lower budget is shown at first."""

_LONGEST = 40


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
    parameters = parameters_of(view, configs)[:_MOST_AXES] if configs else ()
    values = [_places(each, [config.get(each.name) for config in configs]) for each in parameters]
    return {
        "budgets": [[each, count] for each, count in counts.items()],
        "budget": chosen,
        "num_configurations": 0 if chosen is None else counts[chosen],
        "axes": [_axis(each) for each in parameters],
        "rows": [
            {
                "id": shown.id_of(view.configurations[columns.config[run]].config_id),
                "values": [column[row] for column in values],
                "loss": shown.number(float(columns.loss[run])),
            }
            for row, run in enumerate(runs.tolist())
        ],
    }


def _chosen(counts: dict[float, int], budget: float | None) -> float | None:
    if budget is not None:
        return min(counts, key=lambda each: abs(each - budget), default=None)
    enough = [each for each, count in counts.items() if count >= _ENOUGH]
    return max(enough or counts, default=None)


def _axis(parameter: Parameter) -> dict[str, Any]:
    if parameter.is_category:
        categories = [shown.text(value, _LONGEST) for value in parameter.values]
        return {"name": parameter.name, "type": "category", "categories": categories}
    kind = "log" if parameter.is_log else "number"
    return {"name": parameter.name, "type": kind, "low": parameter.lower, "high": parameter.upper}


def _places(parameter: Parameter, values: list[Any]) -> list[float | None]:
    """The values of a number, and the places of a category's among its values; None where it is inactive."""
    codes = parameter.encode(values)
    return [shown.number(value) for value in parameter.decode(codes).tolist()]
