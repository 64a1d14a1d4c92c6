"""Hyperparameters as columns of numbers: what each may be, and how its values become codes and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hpbandster_ng.analysis.runs import spans_magnitudes

__all__ = ["Parameter", "encoded", "inferred"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Parameter:
    """One hyperparameter.

    Attributes:
        name: the hyperparameter's.
        values: what a category can be, in their order; empty for a number.
        lower, upper: the range of a number.
        is_log: whether the scale of a number is logarithmic.
        is_integer: whether a number is whole; each then takes as much room on the scale as its neighbours.

    Example:
        >>> rate = Parameter("rate", lower=0.001, upper=0.1, is_log=True)
        >>> rate.encode([0.001, 0.01, None])
        array([0. , 0.5, nan])
        >>> rate.decode(np.array([0.5, 1.0])).round(6).tolist()
        [0.01, 0.1]
        >>> Parameter.category("optimizer", ["adam", "sgd"]).encode(["sgd", "unknown"])
        array([ 1., nan])
    """

    name: str
    values: tuple[Any, ...] = ()
    lower: float = 0.0
    upper: float = 1.0
    is_log: bool = False
    is_integer: bool = False

    @classmethod
    def category(cls, name: str, values: Iterable[Any]) -> Parameter:
        return cls(name, tuple(values))

    @property
    def is_category(self) -> bool:
        return bool(self.values)

    def encode(self, values: Iterable[Any]) -> Array:
        """The code of each value, shape (n,): 0 to 1 on the scale of a number, the place among ``self.values`` else.

        NaN where the hyperparameter is inactive (None), or the value is none of it.
        """
        if self.is_category:
            places = {_key(value): float(place) for place, value in enumerate(self.values)}
            return np.array([places.get(_key(value), math.nan) for value in values], dtype=np.float64)
        numbers = np.array([_number(value) for value in values], dtype=np.float64)
        lower, upper = self._ends
        with np.errstate(invalid="ignore", divide="ignore"):
            codes = (self._scaled(numbers) - lower) / ((upper - lower) or 1.0)
        return np.where(np.isfinite(codes), np.clip(codes, 0.0, 1.0), math.nan)

    def decode(self, codes: Array) -> Array:
        """The numbers of codes, on the hyperparameter's own scale; of a category its codes, which are places."""
        codes = np.asarray(codes, dtype=np.float64)
        if self.is_category:
            return codes
        lower, upper = self._ends
        scaled = lower + codes * (upper - lower)
        numbers = np.exp(scaled) if self.is_log else scaled
        return np.asarray(np.clip(np.round(numbers) if self.is_integer else numbers, self.lower, self.upper))

    @property
    def _ends(self) -> tuple[float, float]:
        room = 0.5 if self.is_integer else 0.0
        lower, upper = self._scaled(np.array([self.lower - room, self.upper + room])).tolist()
        return lower, upper

    def _scaled(self, numbers: Array) -> Array:
        return np.log(numbers) if self.is_log else numbers


def inferred(configs: Sequence[Mapping[str, Any]]) -> tuple[Parameter, ...]:
    """The hyperparameters of configurations, where the search space is not known.

    Numbers range from the smallest to the largest that was seen, on a logarithmic scale if they are positive, span more
    than two orders of magnitude, and are in the middle of the logarithmic scale rather than of the linear one. Whatever
    else is a category of the values that were seen, in ascending order.

    Args:
        configs: plain values by name; inactive ones are absent.

    Returns:
        In the order in which their names first appear.

    Example:
        >>> [(each.name, each.is_category) for each in inferred([{"x": 0.5}, {"x": 1, "act": "relu"}])]
        [('x', False), ('act', True)]
    """
    seen: dict[str, dict[Any, Any]] = {}
    for config in configs:
        for name, value in config.items():
            if value is not None:
                seen.setdefault(name, {}).setdefault(_key(value), value)
    return tuple(_inferred(name, list(values.values())) for name, values in seen.items())


def encoded(parameters: Sequence[Parameter], configs: Sequence[Mapping[str, Any]]) -> Array:
    """The codes of configurations, shape (configurations, parameters); NaN where inactive."""
    columns = [each.encode([config.get(each.name) for config in configs]) for each in parameters]
    return np.column_stack(columns) if columns else np.empty((len(configs), 0))


def _inferred(name: str, values: list[Any]) -> Parameter:
    if not all(_is_number(value) for value in values):
        return Parameter.category(name, _ascending(values))
    lower, upper = float(min(values)), float(max(values))
    is_integer = all(isinstance(value, int) for value in values)
    linear, logarithmic = (Parameter(name, (), lower, upper, is_log, is_integer) for is_log in (False, True))
    is_log = spans_magnitudes([lower, upper]) and _asymmetry(logarithmic, values) <= _asymmetry(linear, values)
    return logarithmic if is_log else linear


def _asymmetry(parameter: Parameter, values: list[Any]) -> float:
    return abs(float(np.median(parameter.encode(values))) - 0.5)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _ascending(values: list[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=repr)


def _key(value: Any) -> Any:
    """What makes a value equal to itself alone: True is not 1, and lists cannot be looked up."""
    return type(value).__name__, repr(value) if isinstance(value, list | dict | set | tuple) else value
