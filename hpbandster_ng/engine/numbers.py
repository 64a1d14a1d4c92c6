"""The numbers in what ``compute`` returned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["numbers_of"]


def numbers_of(value: Any) -> dict[str, float]:
    """The numbers of a mapping by their names; those of mappings in it by dotted ones.

    All else is left out: truth values, texts, lists. Of two that have the same dotted name, the later one counts.

    Example:
        >>> numbers_of({"accuracy": 0.9, "time": {"train": 3, "test": {"cpu": 0.5}}, "notes": "none", "curve": [1]})
        {'accuracy': 0.9, 'time.train': 3, 'time.test.cpu': 0.5}
        >>> numbers_of(None)
        {}
    """
    found: dict[str, float] = {}
    for name, item in value.items() if isinstance(value, Mapping) else ():
        if isinstance(item, int | float) and not isinstance(item, bool):
            found[str(name)] = item
        found.update({f"{name}.{rest}": number for rest, number in numbers_of(item).items()})
    return found
