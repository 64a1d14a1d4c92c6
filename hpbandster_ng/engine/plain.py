"""Values become plain Python at the border, or are refused there by name.

Whatever is sent, logged or shown consists of None, bool, int, float, str, bytes, list, tuple, set and dict only. numpy
scalars and arrays are converted (an array becomes nested lists), as is every number, string, sequence and mapping that
only subclasses a plain type.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Set
from typing import Any

import numpy as np

from hpbandster_ng.errors import NotPlainError

__all__ = ["plain"]

_ATOMS = frozenset({bool, int, float, str, bytes, type(None)})
_MAX_DEPTH = 100


def plain(value: Any, name: str = "value", _depth: int = 0) -> Any:
    """Convert to plain Python.

    Args:
        value: anything.
        name: how the message calls it, such as ``info``.

    Raises:
        NotPlainError: names the place inside ``value`` and the type that cannot be converted.

    Example:
        >>> plain({"loss": np.float32(0.5), "curve": np.arange(3)})
        {'loss': 0.5, 'curve': [0, 1, 2]}
        >>> plain({"model": object()}, "info")
        Traceback (most recent call last):
        hpbandster_ng.errors.NotPlainError: info['model'] is of type object, which cannot be sent or logged; \
convert it to numbers, strings, lists or dicts
    """
    kind = type(value)
    if kind in _ATOMS:
        return value
    if _depth > _MAX_DEPTH:
        raise NotPlainError(f"{name} is nested deeper than {_MAX_DEPTH} levels (or contains itself); flatten it")
    if isinstance(value, np.generic | np.ndarray):
        converted = value.tolist()
        return converted if type(converted) in _ATOMS else plain(_not(value, converted, name), name, _depth + 1)
    if isinstance(value, Mapping):
        return {
            _plain_key(key, name): plain(item, f"{name}[{key!r}]", _depth + 1) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        items = [plain(item, f"{name}[{i}]", _depth + 1) for i, item in enumerate(value)]
        return tuple(items) if isinstance(value, tuple) else items
    if isinstance(value, Set):
        return {_plain_key(item, name) for item in value}
    return _plain_scalar(value, name)


def _not(original: Any, converted: Any, name: str) -> Any:
    if type(converted) is type(original):
        raise _refusal(name, original)
    return converted


def _plain_key(key: Any, name: str) -> Any:
    if isinstance(key, np.generic):
        key = key.item()
    if isinstance(key, tuple):
        return tuple(_plain_key(item, name) for item in key)
    if type(key) not in _ATOMS:
        raise _refusal(f"{key!r}, a key or item of {name},", key)
    return key


def _plain_scalar(value: Any, name: str) -> Any:
    for atom in (bool, int, float, str, bytes):
        if isinstance(value, atom):
            return atom(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    raise _refusal(name, value)


def _refusal(name: str, value: Any) -> NotPlainError:
    kind = type(value)
    label = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return NotPlainError(
        f"{name} is of type {label}, which cannot be sent or logged; convert it to numbers, strings, lists or dicts"
    )
