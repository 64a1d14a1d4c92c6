"""Numbers of users, refused with one error where they break a rule."""

from __future__ import annotations

import math

import numpy as np

from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["check_number", "check_whole"]


def check_number(name: str, value: object, way_out: str, *, positive: bool = False) -> float:
    """The value as a float, if it is a finite number of at least 0, or greater than 0.

    Raises:
        InvalidArgumentError: it is not.
    """
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not (is_number and math.isfinite(value) and value >= 0 and (value or not positive)):  # type: ignore[arg-type, operator]
        bound = "greater than 0" if positive else "of at least 0"
        raise InvalidArgumentError(name, value, f"must be a finite number {bound}", way_out)
    return float(value)  # type: ignore[arg-type]


def check_whole(name: str, value: object, least: int, way_out: str) -> int:
    """The value as an int, if it is a whole number of at least ``least``.

    Raises:
        InvalidArgumentError: it is not.
    """
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise InvalidArgumentError(name, value, f"must be a whole number of at least {least}", way_out)
    return int(value)
