"""Values become plain Python at the border, or are refused there by name.

Whatever is sent, logged or shown consists of None, bool, int, float, str, bytes, list, tuple, set and dict only. numpy
scalars and arrays are converted (an array becomes nested lists), tensors of other libraries likewise, as is every
number, string, sequence and mapping that only subclasses a plain type.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np

from hpbandster_ng.errors import NotPlainError

__all__ = ["plain"]

_ALWAYS_FINE = frozenset({bool, float, bytes, type(None)})
_MAX_DEPTH = 100
_MAX_BITS = 14_284
"""Of an integer: beyond, it may have more than the 4300 digits that Python turns into text."""


def plain(value: Any, name: str = "value") -> Any:
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
    return _convert(value, name, 0)


def _convert(value: Any, name: str, depth: int) -> Any:
    if type(value) in _ALWAYS_FINE:
        return value
    if depth > _MAX_DEPTH:
        raise NotPlainError(f"{name} is nested deeper than {_MAX_DEPTH} levels (or contains itself); flatten it")
    if isinstance(value, np.generic | np.ndarray):
        return _from_numpy(value, name, depth)
    if isinstance(value, Mapping):
        return {_key(key, name, depth): _convert(item, f"{name}[{key!r}]", depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        # The name is made only where it may be needed: a learning curve can be long.
        items = [
            item if type(item) in _ALWAYS_FINE else _convert(item, f"{name}[{i}]", depth + 1)
            for i, item in enumerate(value)
        ]
        return tuple(items) if isinstance(value, tuple) else items
    if isinstance(value, AbstractSet):
        return {_key(item, name, depth) for item in value}
    if hasattr(value, "tolist") and hasattr(value, "ndim"):
        return _convert(value.tolist(), name, depth + 1)
    return _scalar(value, name)


def _from_numpy(value: Any, name: str, depth: int) -> Any:
    if value.dtype.kind in "biuf" and value.dtype.itemsize <= 8:
        return value.tolist()
    if value.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return value.astype(np.float64).tolist()  # a long double has no other way to plain Python
    if value.dtype.kind in "cmM":
        raise _refusal(name, value, f"numpy {value.dtype}")
    return _convert(value.tolist(), name, depth + 1)


def _key(key: Any, name: str, depth: int) -> Any:
    if type(key) in _ALWAYS_FINE:
        return key
    shown = "an integer" if isinstance(key, int) else repr(key)  # a huge one cannot even be shown
    place = f"{shown}, a key or item of {name},"
    if depth > _MAX_DEPTH:
        raise NotPlainError(f"{name} has a key nested deeper than {_MAX_DEPTH} levels; flatten it")
    if isinstance(key, np.generic):
        return _from_numpy(key, place, depth)
    if isinstance(key, tuple):
        return tuple(_key(item, name, depth + 1) for item in key)
    return _scalar(key, place)


def _scalar(value: Any, name: str) -> Any:
    """The unbound methods, since a subclass (an enumeration, say) may have its own idea of what it converts to."""
    if isinstance(value, str):
        return _text(str.__str__(value), name)
    if isinstance(value, int):
        return _integer(int.__int__(value), name)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, bytes):
        return bytes(memoryview(value))
    if isinstance(value, numbers.Integral):
        return _integer(int(value), name)
    if isinstance(value, numbers.Real):
        return float(value)
    raise _refusal(name, value)


def _text(value: str, name: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise NotPlainError(
                f"{name} is of type str with a lone surrogate at position {error.start}, which cannot be sent or "
                "logged; encode it to bytes, or replace such characters"
            ) from error
    return value


def _integer(value: int, name: str) -> int:
    if value.bit_length() > _MAX_BITS:
        raise NotPlainError(
            f"{name} is of type int with more than 4300 digits, which cannot be sent or logged; shorten it, or convert "
            "it to bytes"
        )
    return value


def _refusal(name: str, value: Any, label: str = "") -> NotPlainError:
    kind = type(value)
    label = label or (kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}")
    return NotPlainError(
        f"{name} is of type {label}, which cannot be sent or logged; convert it to numbers, strings, lists or dicts"
    )
