"""Search spaces of ConfigSpace, as other packages need them: by kind, by parent, and back.

Forbidden clauses are left out: most of the peers know none, and the problems that are measured have none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import ConfigSpace as CS
from ConfigSpace.hyperparameters import FloatHyperparameter, IntegerHyperparameter
from ConfigSpace.util import deactivate_inactive_hyperparameters

__all__ = ["Kinds", "Parent", "active", "parents", "translate"]


class Kinds(NamedTuple):
    """What a package calls each kind of hyperparameter; each gets the hyperparameter of ConfigSpace."""

    real: Callable[[Any], Any]
    integer: Callable[[Any], Any]
    choice: Callable[[str, list[Any]], Any]


class Parent(NamedTuple):
    """The category on which a hyperparameter depends, and the values that make it active."""

    name: str
    values: frozenset[Any]


def translate(space: CS.ConfigurationSpace, kinds: Kinds) -> dict[str, Any]:
    """Every hyperparameter in the words of another package, conditions aside.

    An ordinal becomes a choice; a constant is left to :func:`active`.
    """
    return {hp.name: _one(hp, kinds) for hp in space.values() if not isinstance(hp, CS.Constant)}


def _one(hp: Any, kinds: Kinds) -> Any:
    if isinstance(hp, CS.CategoricalHyperparameter):
        return kinds.choice(hp.name, list(hp.choices))
    if isinstance(hp, CS.OrdinalHyperparameter):
        return kinds.choice(hp.name, list(hp.sequence))
    return (kinds.integer if isinstance(hp, IntegerHyperparameter) else kinds.real)(hp)


def parents(space: CS.ConfigurationSpace) -> dict[str, Parent]:
    """Those that depend on one category alone; where a condition says more, :func:`active` sees to it."""
    found: dict[str, Parent] = {}
    for condition in space.conditions:
        values = getattr(condition, "values", None) or [getattr(condition, "value", None)]
        simple = isinstance(condition, CS.EqualsCondition | CS.InCondition)
        if simple and isinstance(condition.parent, CS.CategoricalHyperparameter):
            found[condition.child.name] = Parent(condition.parent.name, frozenset(values))
    return found


def active(space: CS.ConfigurationSpace, values: Mapping[str, Any]) -> dict[str, Any]:
    """A legal configuration as plain Python: what is inactive is dropped, what was not named takes its default.

    Example:
        >>> space = CS.ConfigurationSpace({"x": (0.0, 1.0), "n": (1, 9)})
        >>> active(space, {"x": 0.25, "n": 3.0})
        {'n': 3, 'x': 0.25}
    """
    legal = {hp.name: _legal(hp, values.get(hp.name, hp.default_value)) for hp in space.values()}
    config = dict(deactivate_inactive_hyperparameters(legal, space))
    return {name: value.item() if hasattr(value, "item") else value for name, value in config.items()}


def _legal(hp: Any, value: Any) -> Any:
    """Computing in the logarithm and back may leave a bound by a rounding error."""
    if isinstance(hp, IntegerHyperparameter):
        return min(max(round(float(value)), hp.lower), hp.upper)
    if isinstance(hp, FloatHyperparameter):
        return min(max(float(value), hp.lower), hp.upper)
    return value
