"""Values of users as the predecessor's log has them; :mod:`hpbandster_ng.storage.legacy_json` says how."""

from __future__ import annotations

import json
from typing import Any

from hpbandster_ng.engine.plain import plain
from hpbandster_ng.errors import NotPlainError

__all__ = ["as_json", "json_or_text"]


def as_json(entry: list[Any]) -> str:
    """A line of a log.

    Raises:
        NotPlainError: a value cannot be written; names its place and its type.
    """
    try:
        return json.dumps(entry)  # most entries need no mapping, which takes ten times as long
    except (TypeError, ValueError, RecursionError):
        return json.dumps(_json_value(plain(entry, "the entry of the log")))


def _json_value(value: Any) -> Any:
    """Turn plain Python into what JSON has; the module's docstring tells how."""
    if isinstance(value, dict):
        return {_json_key(key): _json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    if isinstance(value, set):
        return [_json_value(item) for item in _ascending(value)]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value


def _json_key(key: Any) -> str | int | float | bool | None:
    if isinstance(key, bytes):
        return key.decode("utf-8", "backslashreplace")
    return key if key is None or isinstance(key, str | int | float | bool) else str(key)


def _ascending(values: set[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=repr)


def json_or_text(value: Any) -> Any:
    """Settings that a user's optimizer adds may be anything; what JSON cannot hold is kept as text for the reader."""
    try:
        return _json_value(plain(value))
    except NotPlainError:
        return repr(value)
