"""How values are shown, and which runs are, where there are too many."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from hpbandster_ng.engine.records import ConfigId
from hpbandster_ng.interfaces.dashboard.columns import RunColumns, State
from hpbandster_ng.interfaces.dashboard.view import RunView

__all__ = ["best_and_sample", "id_of", "last_runs", "number", "parsed_id", "picked_by", "settings_of", "text", "values"]

Whole = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]

_LONGEST = 200
_GOLDEN = 0.6180339887498949


def id_of(config_id: ConfigId) -> str:
    """A configuration's id as the page hands it around.

    Example:
        >>> id_of((0, 0, 12)), parsed_id("0-0-12"), parsed_id("-1-0-3"), parsed_id("x")
        ('0-0-12', (0, 0, 12), (-1, 0, 3), None)
    """
    return "-".join(map(str, config_id))


def parsed_id(value: str) -> ConfigId | None:
    """What :func:`id_of` was given; None if it is no id."""
    head, *parts = value.removeprefix("-").split("-")
    if len(parts) != 2 or not all(part.isdecimal() and len(part) < 12 for part in (head, *parts)):
        return None
    sign = -1 if value.startswith("-") else 1
    return sign * int(head), int(parts[0]), int(parts[1])


def number(value: float | None, digits: int = 7) -> float | None:
    """A number with so many digits; None where there is none."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")


def text(value: Any, limit: int = _LONGEST) -> str:
    """A value for people, in no more than so many characters."""
    shown = f"{value:.6g}" if isinstance(value, float) else value if isinstance(value, str) else repr(value)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def values(config: Mapping[str, Any]) -> dict[str, str]:
    """A configuration for people."""
    return {text(name): text(value) for name, value in config.items()}


def picked_by(info: Mapping[str, Any]) -> str | None:
    """``"model"`` or ``"random"``; None if it is not told."""
    is_model = info.get("model_based_pick")
    return None if is_model is None else "model" if is_model else "random"


def settings_of(view: RunView) -> dict[str, Any]:
    """The settings of the optimizer, by name; empty where nobody told."""
    if view.described is None:
        return {}
    description = view.described.description
    own = description.get("settings")
    return {**description, **own} if isinstance(own, Mapping) else dict(description)


def last_runs(view: RunView, columns: RunColumns) -> Whole:
    """Of each configuration, the run on the largest budget that has succeeded; -1 where there is none."""
    runs = np.flatnonzero(columns.state == State.SUCCEEDED)
    runs = runs[np.argsort(columns.budget[runs], kind="stable")]
    last = np.full(len(view.configurations), -1)
    last[columns.config[runs]] = runs
    return last


def best_and_sample(losses: Numbers, num_best: int, num_others: int) -> Whole:
    """The places of the lowest losses, and of a sample of all others, spread evenly over their order of arrival.

    Example:
        >>> best_and_sample(np.array([5.0, 1.0, 4.0, 3.0, 2.0]), 2, 0).tolist()
        [1, 4]
        >>> len(best_and_sample(np.arange(1000.0), 10, 90))
        100
    """
    if len(losses) <= num_best + num_others:
        return np.arange(len(losses))
    chosen = np.zeros(len(losses), dtype=bool)
    chosen[np.argsort(losses, kind="stable")[:num_best]] = True
    others = np.flatnonzero(~chosen)
    # who is in the sample of a growing run stays there until others are more in the way: a low-discrepancy sequence
    chosen[others[np.argsort((others * _GOLDEN) % 1.0, kind="stable")[:num_others]]] = True
    return np.flatnonzero(chosen)
