"""Which hyperparameters the loss depends on, and how."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from hpbandster_ng.analysis.importance import Effect, Importance, importance
from hpbandster_ng.analysis.parameters import Parameter
from hpbandster_ng.analysis.partial_dependence import PartialDependence, partial_dependence
from hpbandster_ng.analysis.surrogate import Surrogate, modelled
from hpbandster_ng.engine.records import Config, ConfigId, OutcomeState
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.interfaces.dashboard.payloads import shown
from hpbandster_ng.interfaces.dashboard.payloads.space import parameters_of
from hpbandster_ng.interfaces.dashboard.view import RunView

__all__ = ["Evidence", "evidence_of", "found_in"]

_MOST_CURVES = 9
_MOST_INTERACTIONS = 8
_POINTS = 40


class _Success(NamedTuple):
    """A run with a loss, as the analysis takes runs."""

    config_id: ConfigId
    budget: float
    loss: float
    info: None = None
    time_stamps: dict[str, float] = {}
    outcome: OutcomeState = OutcomeState.SUCCEEDED
    worker: str | None = None
    is_success: bool = True


class Evidence(NamedTuple):
    """What the analysis rests on, taken out of a view that goes on."""

    runs: list[_Success]
    configs: dict[ConfigId, Config]
    parameters: tuple[Parameter, ...]


def evidence_of(view: RunView) -> Evidence:
    columns = view.columns()
    successes = np.flatnonzero(columns.is_success)
    picked = columns.config[successes].tolist()
    ids = [view.configurations[number].config_id for number in picked]
    budgets, losses = columns.budget[successes].tolist(), columns.loss[successes].tolist()
    configs = {view.configurations[number].config_id: view.configurations[number].config for number in picked}
    parameters = parameters_of(view, list(configs.values())) if configs else ()
    return Evidence(list(map(_Success, ids, budgets, losses)), configs, parameters)


def found_in(evidence: Evidence) -> dict[str, Any]:
    """The shares of the hyperparameters in the variance of the loss, and how the loss changes with the largest.

    The same evidence gives the same answer.
    """
    base = {"num_runs": len(evidence.runs), "num_configurations": len(evidence.configs)}
    try:
        surrogate, observed = modelled(
            evidence.runs, evidence.configs, np.random.default_rng(0), parameters=evidence.parameters
        )
    except InvalidArgumentError:  # too few configurations, or nothing that differs
        return {**base, "effects": [], "interactions": [], "curves": []}
    found = importance(surrogate)
    order = np.argsort([-effect.share for effect in found.total], kind="stable").tolist()
    return {
        **base,
        "num_used": len(observed.config_ids),
        "budget": observed.budget,
        "is_log": observed.is_log,
        "explained": shown.number(found.explained, 3),
        "effects": [_effect(found, place) for place in order],
        "interactions": [_interaction(each) for each in found.interactions if found.is_told_from_noise(each)][
            :_MOST_INTERACTIONS
        ],
        "curves": [_curve(surrogate, found.total[place].names[0], observed.is_log) for place in order[:_MOST_CURVES]],
    }


def _effect(found: Importance, place: int) -> dict[str, Any]:
    main, total = found.main[place], found.total[place]
    return {
        "name": shown.text(total.names[0], 60),
        "main": shown.number(max(0.0, main.share), 3),
        "total": shown.number(max(0.0, total.share), 3),
        "spread": shown.number(total.spread, 3),
        "is_told": found.is_told_from_noise(total),
    }


def _interaction(effect: Effect) -> dict[str, Any]:
    return {"names": [shown.text(name, 60) for name in effect.names], "share": shown.number(effect.share, 3)}


def _curve(surrogate: Surrogate, name: str, is_log: bool) -> dict[str, Any]:
    found: PartialDependence = partial_dependence(surrogate, name, num_points=_POINTS)
    (parameter,), (values,) = found.parameters, found.values
    low, middle, high = (found.loss + way * found.spread for way in (-1, 0, 1))
    if is_log:
        low, middle, high = np.exp(low), np.exp(middle), np.exp(high)
    return {
        "name": shown.text(name, 60),
        "type": "category" if parameter.is_category else "log" if parameter.is_log else "number",
        "values": [shown.text(value, 40) if parameter.is_category else shown.number(float(value)) for value in values],
        "loss": [shown.number(float(each)) for each in middle],
        "low": [shown.number(float(each)) for each in low],
        "high": [shown.number(float(each)) for each in high],
    }
