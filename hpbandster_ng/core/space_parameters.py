"""The hyperparameters of a ConfigSpace, as the analysis of a run takes them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import ConfigSpace
from ConfigSpace import hyperparameters as hp_types

from hpbandster_ng.analysis.parameters import Parameter, inferred
from hpbandster_ng.engine.plain import plain
from hpbandster_ng.engine.records import Config

__all__ = ["space_parameters"]


def space_parameters(
    configspace: ConfigSpace.ConfigurationSpace, configs: Sequence[Config] = ()
) -> tuple[Parameter, ...]:
    """The hyperparameters of a search space, in its order.

    Args:
        configspace: the search space; not a constant of it, which nothing can depend on.
        configs: what ran: the range of a number without bounds is what was seen of it.

    Example:
        >>> space = ConfigSpace.ConfigurationSpace({"x": (0.0, 2.0), "act": ["relu", "tanh"], "seed": 1})
        >>> sorted(each.name for each in space_parameters(space))
        ['act', 'x']
    """
    seen = {each.name: each for each in inferred(configs)}
    found = (_parameter(configspace[name], seen) for name in configspace)
    return tuple(parameter for parameter in found if parameter is not None)


def _parameter(hyperparameter: Any, seen: Mapping[str, Parameter]) -> Parameter | None:
    name = str(hyperparameter.name)
    if isinstance(hyperparameter, ConfigSpace.Constant):
        return None
    if isinstance(hyperparameter, ConfigSpace.CategoricalHyperparameter):
        return Parameter.category(name, plain(list(hyperparameter.choices)))
    if isinstance(hyperparameter, ConfigSpace.OrdinalHyperparameter):
        return Parameter.category(name, plain(list(hyperparameter.sequence)))
    lower, upper = (getattr(hyperparameter, end, None) for end in ("lower", "upper"))
    if lower is None or upper is None or not math.isfinite(upper - lower):
        return seen.get(name)
    is_integer = isinstance(hyperparameter, hp_types.IntegerHyperparameter)
    return Parameter(name, (), float(lower), float(upper), bool(getattr(hyperparameter, "log", False)), is_integer)
