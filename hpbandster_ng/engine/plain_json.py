"""Plain Python to JSON and back without loss.

JSON has no tuples, sets, bytes or keys other than strings; each of these is wrapped in an object with a single tagged
key. What JSON has stays as it is, so that a log remains readable.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

__all__ = ["dumps", "loads"]

_TUPLE, _SET, _BYTES, _DICT = "__tuple__", "__set__", "__bytes__", "__dict__"
_TAGS = frozenset({_TUPLE, _SET, _BYTES, _DICT})
_ATOMS = frozenset({bool, int, float, str, type(None)})


def dumps(value: Any) -> str:
    """Encode what :func:`~hpbandster_ng.engine.plain.plain` returns.

    Raises:
        ValueError: a string or an integer that has no text form (lone surrogates, more than 4300 digits).

    Example:
        >>> loads(dumps({"ids": (0, 1), 3: b"x"}))
        {'ids': (0, 1), 3: b'x'}
    """
    text = json.dumps(_tagged(value), separators=(",", ":"), ensure_ascii=False)
    text.encode()
    return text


def loads(text: str) -> Any:
    """Decode what :func:`dumps` wrote.

    Raises:
        ValueError: the text was not written by :func:`dumps`.
    """
    try:
        hook = _untagged if "__" in text or "\\u" in text else None  # without a tag there is nothing for it to do
        return json.loads(text, object_hook=hook)
    except (TypeError, RecursionError, binascii.Error) as error:
        raise ValueError(f"not a value that was encoded here: {error}") from error


def _tagged(value: Any) -> Any:
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is dict:
        if all(type(key) is str for key in value) and not (len(value) == 1 and _TAGS & value.keys()):
            return {key: _tagged(item) for key, item in value.items()}
        return {_DICT: [[_tagged(key), _tagged(item)] for key, item in value.items()]}
    if kind is list:
        return [_tagged(item) for item in value]
    if kind is tuple:
        return {_TUPLE: [_tagged(item) for item in value]}
    if kind is set:
        return {_SET: [_tagged(item) for item in value]}
    return {_BYTES: base64.b64encode(value).decode("ascii")}


def _untagged(value: dict[str, Any]) -> Any:
    if len(value) != 1:
        return value
    ((tag, content),) = value.items()
    if tag == _TUPLE:
        return tuple(content)
    if tag == _SET:
        return set(content)
    if tag == _BYTES:
        return base64.b64decode(content, validate=True)
    if tag == _DICT:
        return dict(content)
    return value
