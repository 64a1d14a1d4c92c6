from __future__ import annotations

import contextlib
import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hpbandster_ng.engine.plain import plain
from hpbandster_ng.engine.plain_json import dumps, loads

ATOMS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
KEYS = st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=2).map(tuple), max_leaves=3)
TAGS = st.sampled_from(["__tuple__", "__set__", "__bytes__", "__dict__"])
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.sets(KEYS, max_size=3)
        | st.dictionaries(KEYS | TAGS, inner, max_size=3)
        | st.dictionaries(TAGS, inner, min_size=1, max_size=1)
    ),
    max_leaves=12,
)


def shape(value):
    """Value and types, at every level: 1, 1.0 and True are equal but not the same."""
    if isinstance(value, dict):
        return dict, frozenset((shape(key), shape(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return type(value), tuple(map(shape, value))
    if isinstance(value, set):
        return set, frozenset(map(shape, value))
    return type(value), repr(value)


@given(VALUES)
@example({"__tuple__": [1]})
@example({"__dict__": {"__dict__": []}})
@example({"__bytes__": "not base64"})
@example({(): {b""}, None: ((),), True: -0.0})
@example(10**4299)
def test_what_is_written_is_read_back_the_same(value):
    text = dumps(value)
    assert "\n" not in text
    text.encode()
    assert shape(loads(text)) == shape(value)


@pytest.mark.parametrize("value", [math.nan, [math.nan, math.inf, -math.inf]])
def test_numbers_that_are_not_finite_survive(value):
    assert repr(loads(dumps(value))) == repr(value)


def test_what_json_has_stays_readable():
    value = {"loss": 0.5, "info": {"curve": [1, 2], "name": "ü", "ok": True, "none": None}}
    assert json.loads(dumps(value)) == value
    assert "ü" in dumps(value)


def test_the_order_of_keys_is_kept():
    assert list(loads(dumps({"b": 1, "a": 2}))) == ["b", "a"]
    assert list(loads(dumps({2: 1, 1: 2}))) == [2, 1]


@pytest.mark.parametrize("value", ["\udcff", 10**5000], ids=["surrogate", "digits"])
def test_what_has_no_text_form_is_a_value_error_and_is_refused_by_plain_before(value):
    with pytest.raises(ValueError):  # noqa: PT011 - the message is Python's
        dumps(value)
    with pytest.raises(TypeError, match="cannot be sent or logged"):
        plain(value)


def test_the_deepest_plain_value_can_be_written_and_read():
    value: object = 1
    for _ in range(100):
        value = (value,)
    assert loads(dumps(plain(value))) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "nonsense",
        '{"__set__": [[1]]}',
        '{"__set__": 5}',
        '{"__tuple__": null}',
        '{"__dict__": [[1, 2, 3]]}',
        '{"__dict__": [[[], 1]]}',
        '{"__dict__": 5}',
        '{"__bytes__": 5}',
        '{"__bytes__": "*"}',
        '{"__bytes__": "ü"}',
        "[" * 100_000,
        "1" * 5000,
        '{"a": 1}{"a": 2}',
    ],
    ids=lambda text: text[:20],
)
def test_garbage_is_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the message is Python's, or names the fault
        loads(text)


@given(st.text() | VALUES.map(dumps).flatmap(lambda text: st.integers(0, len(text)).map(lambda n: text[:n])))
def test_any_text_is_read_or_is_a_value_error(text):
    with contextlib.suppress(ValueError):
        loads(text)


def test_a_tag_with_escapes_is_a_tag():
    assert loads(r'{"\u005f_tuple__": [1, {"x": 2}]}') == (1, {"x": 2})
    assert loads(r'{"_\u005ftuple_\u005f": [1]}') == (1,)
