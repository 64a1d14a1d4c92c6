"""What the user types above the table, as a test of configurations."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Facts", "Filter", "parsed"]


class Facts(NamedTuple):
    """What a filter may ask of a configuration.

    Attributes:
        config: its values by name.
        told: budget, loss, iteration and all else that the table shows, by name.
    """

    config: dict[str, Any]
    told: dict[str, Any]


Filter = Callable[[Facts], bool]

_COMPARISON = re.compile(r"(?P<name>[^<>=!\s]+)(?P<sign><=|>=|!=|=|<|>)(?P<value>\S+)")
_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def parsed(typed: str) -> list[Filter]:
    """A test for each word, all of which must hold: ``name<value`` and its kind, or a text that some value contains.

    Example:
        >>> facts = Facts({"lr": 0.01, "optimizer": "Adam"}, {"loss": 0.5})
        >>> [all(test(facts) for test in parsed(text)) for text in ("lr<0.1 adam", "loss>=1", "optimizer!=Adam", "sgd")]
        [True, False, False, False]
    """
    return [_test(word) for word in typed.split()[:20]]


def _test(word: str) -> Filter:
    found = _COMPARISON.fullmatch(word)
    if found is None:
        wanted = word.casefold()
        return lambda facts: any(wanted in str(value).casefold() for part in facts for value in part.values())
    return _compared(**found.groupdict())


def _compared(name: str, sign: str, value: str) -> Filter:
    def test(facts: Facts) -> bool:
        there = facts.told.get(name, facts.config.get(name))
        if there is None:
            return False
        if sign in _SIGNS:
            mine, theirs = _number(there), _number(value)
            return not math.isnan(mine) and not math.isnan(theirs) and _SIGNS[sign](mine, theirs)
        is_same = str(there).casefold() == value.casefold() or _is_shown_as(_number(there), _number(value))
        return is_same == (sign == "=")

    return test


def _is_shown_as(there: float, typed: float) -> bool:
    """The page shows twelve digits of a budget."""
    return math.isclose(there, typed, rel_tol=1e-11)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
