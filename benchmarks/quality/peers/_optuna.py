"""Search spaces in Optuna's define-by-run words."""

from __future__ import annotations

from typing import Any

import ConfigSpace as CS
import optuna

from benchmarks.quality.peers._space import Kinds, parents, translate

__all__ = ["suggest"]


def suggest(trial: optuna.Trial, space: CS.ConfigurationSpace, conditional: bool = True) -> dict[str, Any]:
    """The values of a trial; parents come before children.

    Args:
        conditional: ask only for what is active; otherwise for everything.
    """
    suggestions = translate(
        space,
        Kinds(
            lambda hp: lambda: trial.suggest_float(hp.name, hp.lower, hp.upper, log=hp.log),
            lambda hp: lambda: trial.suggest_int(hp.name, hp.lower, hp.upper, log=hp.log),
            lambda _, choices: lambda: trial.suggest_categorical(name, choices),
        ),
    )
    depends = parents(space) if conditional else {}
    values: dict[str, Any] = {}
    for name, suggestion in suggestions.items():
        if name not in depends or values.get(depends[name].name) in depends[name].values:
            values[name] = suggestion()
    return values
