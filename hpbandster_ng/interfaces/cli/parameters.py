"""The ``parameters`` of an experiment file as a search space."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import ConfigSpace

from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.interfaces.cli.yaml_document import Entry

__all__ = ["search_space"]

_COMMON = ("name", "type", "default", "conditions")
_NUMBER = ("bounds", "min", "max", "log")
_KEYS = {
    "double": (*_COMMON, *_NUMBER),
    "int": (*_COMMON, *_NUMBER),
    "categorical": (*_COMMON, "categorical_values", "values"),
    "ordinal": (*_COMMON, "values"),
    "constant": ("name", "type", "value", "conditions"),
}
_ALL_KEYS = tuple(dict.fromkeys(key for keys in _KEYS.values() for key in keys))


def search_space(parameters: Entry) -> Any:
    """A ``ConfigSpace.ConfigurationSpace``.

    Raises:
        InvalidArgumentError: names the line and the key of what cannot be.

    Example:
        >>> from hpbandster_ng.interfaces.cli.yaml_document import read_document
        >>> text = "[{name: lr, type: double, min: 1e-4, max: 0.1, log: true}, {name: size, type: int, min: 1, max: 9}]"
        >>> sorted(search_space(read_document(text, "experiment.yml")))
        ['lr', 'size']
    """
    space = ConfigSpace.ConfigurationSpace()
    add: Any = space.add if hasattr(space, "add") else space.add_hyperparameter  # ConfigSpace 1.x, 0.7
    made: dict[str, Any] = {}
    conditions: dict[str, Entry] = {}
    for item in parameters.items():
        name, members = _named(item)
        if name in made:
            raise members["name"].error("is there twice", "rename one of the two")
        made[name] = _hyperparameter(name, members)
        add(made[name])
        if "conditions" in members:
            conditions[name] = members["conditions"]
    _refuse_circles(conditions, made)
    add = space.add if hasattr(space, "add") else space.add_condition
    for name, entry in conditions.items():
        add(_condition(made[name], entry, made))
    return space


def _named(item: Entry) -> tuple[str, dict[str, Entry]]:
    """The name of a parameter, and its members, called by that name."""
    members = item.members(_ALL_KEYS)
    for key in ("name", "type"):
        if key not in members:
            raise item.error(f"must have a {key}", "such as {name: lr, type: double, min: 0.001, max: 0.1}")
    name = members["name"].text()
    members = item.called(f"{item.key.partition('[')[0]}.{name}").members(_ALL_KEYS)
    kind = members["type"].choice(_KEYS)
    for key, entry in members.items():
        if key not in _KEYS[kind]:
            raise entry.error(f"is not for a parameter of type {kind}", f"it may have {', '.join(_KEYS[kind])}")
    return name, members


def _hyperparameter(name: str, members: Mapping[str, Entry]) -> Any:
    kind = members["type"].plain
    try:
        if kind in ("double", "int"):
            return _numeric(name, kind, members)
        if kind == "constant":
            return _constant(name, members)
        return _of_values(name, kind, members)
    except InvalidArgumentError:
        raise
    except (ArithmeticError, TypeError, ValueError) as error:  # what ConfigSpace alone knows of
        raise members["name"].error(f"names what no parameter can be ({error})", "correct it") from error


def _numeric(name: str, kind: str, members: Mapping[str, Entry]) -> Any:
    read: Any = Entry.whole if kind == "int" else Entry.number
    limits = _limits(members)
    lower, upper = read(limits["min"]), read(limits["max"])
    if not lower < upper:
        raise limits["min"].error(f"must be less than max={upper}", "a constant has type: constant")
    is_log = "log" in members and members["log"].flag()
    if is_log and lower <= 0:
        raise limits["min"].error("must be greater than 0 where log is true", "give another min, or log: false")
    default = None
    if "default" in members:
        default = read(members["default"])
        if not lower <= default <= upper:
            raise members["default"].error(f"must be between min={lower} and max={upper}", "or leave it out")
    kinds = {"int": ConfigSpace.UniformIntegerHyperparameter, "double": ConfigSpace.UniformFloatHyperparameter}
    return kinds[kind](name, lower, upper, default_value=default, log=is_log)


def _limits(members: Mapping[str, Entry]) -> dict[str, Entry]:
    """Those of ``bounds``, or of the parameter itself."""
    limits = {key: members[key] for key in ("min", "max") if key in members}
    if "bounds" in members:
        for entry in limits.values():
            raise entry.error("must not be given beside bounds", "leave one of them out")
        limits = members["bounds"].members(("min", "max"))
    for key in ("min", "max"):
        if key not in limits:
            raise members["type"].error(f"needs {key}", "write min and max, or bounds: {min: 1, max: 10}")
    return limits


def _constant(name: str, members: Mapping[str, Entry]) -> Any:
    if "value" not in members:
        raise members["type"].error("needs a value", "such as {name: epochs, type: constant, value: 3}")
    return ConfigSpace.Constant(name, _single(members["value"]))


def _of_values(name: str, kind: str, members: Mapping[str, Entry]) -> Any:
    given = [members[key] for key in ("values", "categorical_values") if key in members]
    if len(given) != 1:
        raise members["type"].error("needs values, once", "such as values: [small, large]")
    values = _different(given[0].items())
    default = values[0]
    if "default" in members:
        default = _single(members["default"])
        if default not in values:
            raise members["default"].error(f"must be one of {values}", "or leave it out")
    kinds = {
        "ordinal": ConfigSpace.OrdinalHyperparameter,
        "categorical": ConfigSpace.CategoricalHyperparameter,
    }
    return kinds[kind](name, values, default_value=default)


def _different(items: Sequence[Entry]) -> list[Any]:
    values: list[Any] = []
    for item in items:
        value = _single(item)
        if value in values:  # 1, 1.0 and true are the same to Python
            raise item.error("is there twice", "leave it out; true and 1 are the same, unless in quotes")
        values.append(value)
    return values


def _single(entry: Entry) -> Any:
    value = entry.plain
    if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
        raise entry.error("must be a text, a finite number, true or false", "put it in quotes if it is a text")
    return value


def _refuse_circles(conditions: Mapping[str, Entry], known: Collection[str]) -> None:
    parents = {name: entry.members(known) for name, entry in conditions.items()}
    for name in parents:
        seen: set[str] = set()
        above = [name]
        while above:
            for parent, entry in parents.get(above.pop(), {}).items():
                if parent == name:
                    raise entry.error(f"makes {name!r} depend on itself", "remove one of the conditions")
                if parent not in seen:
                    seen.add(parent)
                    above.append(parent)


def _condition(child: Any, entry: Entry, made: Mapping[str, Any]) -> Any:
    parts = []
    for parent, asked in entry.members(made).items():
        is_list = isinstance(asked.plain, list)
        values = _different(asked.items() if is_list else [asked])
        for value, item in zip(values, asked.items() if is_list else [asked], strict=True):
            if not _is_legal(made[parent], value):
                raise item.error(f"must be a value of {parent!r}", f"that is {_range_of(made[parent])}")
        parts.append(ConfigSpace.InCondition(child, made[parent], values))
    if not parts:
        raise entry.error("must name a parameter", "such as conditions: {optimizer: [sgd]}")
    try:
        return parts[0] if len(parts) == 1 else ConfigSpace.AndConjunction(*parts)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(entry.place, entry.plain, f"cannot be ({error})", "correct it") from error


def _is_legal(hyperparameter: Any, value: Any) -> bool:
    check = hyperparameter.legal_value if hasattr(hyperparameter, "legal_value") else hyperparameter.is_legal
    return bool(check(value))  # ConfigSpace 1.x, 0.7


def _range_of(hyperparameter: Any) -> str:
    for name in ("choices", "sequence"):
        if hasattr(hyperparameter, name):
            return f"one of {list(getattr(hyperparameter, name))}"
    if hasattr(hyperparameter, "value"):
        return repr(hyperparameter.value)
    return f"between {hyperparameter.lower} and {hyperparameter.upper}"
