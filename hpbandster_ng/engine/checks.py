"""Numbers of users, refused with one error where they break a rule."""

from __future__ import annotations

import math
from typing import TypeGuard

import numpy as np

from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["check_number", "check_seconds", "check_whole", "is_number", "is_positive"]


def check_number(name: str, value: object, way_out: str, *, positive: bool = False) -> float:
    """The value as a float, if it is a finite number of at least 0, or greater than 0.

    Raises:
        InvalidArgumentError: it is not.
    """
    if not (is_positive(value) or (is_number(value) and value == 0 and not positive)):
        bound = "greater than 0" if positive else "of at least 0"
        raise InvalidArgumentError(name, value, f"must be a finite number {bound}", way_out)
    return float(value)


def check_seconds(name: str, value: object) -> float:
    """The value as a float, if it is a number greater than 0, which may be infinite.

    Raises:
        InvalidArgumentError: it is not.
    """
    if not (is_number(value) and value > 0):
        raise InvalidArgumentError(name, value, "must be greater than 0", "it is a number of seconds")
    return float(value)


def check_whole(name: str, value: object, least: int, way_out: str) -> int:
    """The value as an int, if it is a whole number of at least ``least``.

    Raises:
        InvalidArgumentError: it is not.
    """
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise InvalidArgumentError(name, value, f"must be a whole number of at least {least}", way_out)
    return int(value)


def is_positive(value: object) -> TypeGuard[float]:
    """Whether it is a finite number above 0."""
    return is_number(value) and 0 < value < math.inf


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a number, which may be infinite or none (NaN)."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
