from __future__ import annotations

import collections
import enum
import fractions
import math
import types
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hpbandster_ng.engine.plain import plain
from hpbandster_ng.errors import HpbandsterError, NotPlainError


class Point(NamedTuple):
    x: int
    y: int


class Level(enum.IntEnum):
    LOW = 1


class Colour(str, enum.Enum):
    RED = "red"


class LyingFloat(float):
    def __float__(self):
        return 99.0


class LyingInt(int):
    def __int__(self):
        return 99


class Text(str):
    __slots__ = ()

    def __str__(self):
        return "something else"


def parts(value):
    """The value and everything in it, keys included."""
    yield value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from parts(key)
            yield from parts(item)
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from parts(item)


def assert_plain(value):
    allowed = {bool, int, float, str, bytes, type(None), list, tuple, set, dict}
    assert {type(part) for part in parts(value)} <= allowed


def same(a, b):
    return type(a) is type(b) and (a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b)))


ATOMS = [True, 0, -(10**30), 0.5, math.inf, "text", "ä\u2028\0", b"\xff", None]


@pytest.mark.parametrize("value", ATOMS)
def test_what_is_plain_stays_as_it_is(value):
    assert plain(value) is value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.bool_(True), True),
        (np.array(True), True),
        (np.int8(-3), -3),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.float16(0.5), 0.5),
        (np.float32(0.25), 0.25),
        (np.float64(0.1), 0.1),
        (np.longdouble(0.5), 0.5),
        (np.longdouble("1e4000"), math.inf),
        (np.str_("a"), "a"),
        (np.bytes_(b"a"), b"a"),
        (np.array(7), 7),
        (np.array([1, 2], dtype=np.int16), [1, 2]),
        (np.array([[0.5], [1.5]], dtype=np.longdouble), [[0.5], [1.5]]),
        (np.zeros((0, 3)), []),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([1, "a", None, np.float32(0.5)], dtype=object), [1, "a", None, 0.5]),
        (np.array([(1, 2.0)], dtype="i4,f4"), [(1, 2.0)]),
        (np.ma.array([1.0, 2.0], mask=[False, True]), [1.0, None]),
        (np.ma.masked, None),
        (Level.LOW, 1),
        (Colour.RED, "red"),
        (LyingInt(3), 3),
        (LyingFloat(0.5), 0.5),
        (Text("text"), "text"),
        (fractions.Fraction(1, 4), 0.25),
        (Point(np.int64(1), 2), (1, 2)),
        (collections.OrderedDict(a=np.float32(1)), {"a": 1.0}),
        (collections.Counter("aa"), {"a": 2}),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (collections.UserDict({"a": (1,)}), {"a": (1,)}),
        (frozenset({np.int64(1)}), {1}),
        ({Level.LOW, Colour.RED}, {1, "red"}),
        ({"a": 1}.keys(), {"a"}),
        (
            {np.int64(3): "a", Level.LOW: "b", np.float32(0.5): "c", np.str_("k"): "d"},
            {3: "a", 1: "b", 0.5: "c", "k": "d"},
        ),
        ({(np.int64(1), (np.str_("a"),)): 1}, {(1, ("a",)): 1}),
        ({None: 1, b"k": 2, 2.5: 3, True: 4}, {None: 1, b"k": 2, 2.5: 3, True: 4}),
    ],
)
def test_what_only_resembles_plain_python_is_converted(value, expected):
    converted = plain(value)
    assert converted == expected
    assert type(converted) is type(expected)
    assert_plain(converted)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble])
def test_nan_and_infinities_survive(kind):
    assert math.isnan(plain(kind("nan")))
    assert plain({"a": [kind("inf"), -kind("inf")]}) == {"a": [math.inf, -math.inf]}


def test_conversion_copies_containers_so_that_later_changes_do_no_harm():
    curve = [1, 2]
    converted = plain({"curve": curve})
    curve.append(3)
    assert converted == {"curve": [1, 2]}


@pytest.mark.parametrize(
    ("value", "name", "place", "kind"),
    [
        (object(), "info", "info is", "object"),
        ({"model": object()}, "info", "info['model'] is", "object"),
        ({"a": [1, {"b": (2, 1j)}]}, "info", "info['a'][1]['b'][1] is", "complex"),
        (np.array([1, object()], dtype=object), "config", "config[1] is", "object"),
        (np.array(object(), dtype=object), "config", "config is", "object"),
        (np.complex64(1j), "x", "x is", "numpy complex64"),
        ({"x": np.array([1j])}, "config", "config['x'] is", "numpy complex128"),
        ({"t": np.datetime64(5, "ns")}, "info", "info['t'] is", "numpy datetime64[ns]"),
        ({"t": np.timedelta64(5, "s")}, "info", "info['t'] is", "numpy timedelta64[s]"),
        ({object: 1}, "info", "a key or item of info", "type"),
        ({(1, 1j): 1}, "info", "1j, a key or item of info", "complex"),
        ({frozenset({1}): 1}, "info", "a key or item of info", "frozenset"),
        ({"a": {frozenset()}}, "info", "a key or item of info['a']", "frozenset"),
        ({"f": open}, "info", "info['f'] is", "builtin_function_or_method"),
        ({"g": (i for i in ())}, "info", "info['g'] is", "generator"),
        ({"d": Decimal("1.5")}, "info", "info['d'] is", "decimal.Decimal"),
        ({"b": bytearray(b"x")}, "info", "info['b'] is", "bytearray"),
        ({"r": range(3)}, "info", "info['r'] is", "range"),
        ({"s": "a\udcff"}, "info", "info['s'] is", "str with a lone surrogate at position 1"),
        ({"\udcff": 1}, "info", "a key or item of info", "str with a lone surrogate"),
        (np.array(["\udcff"]), "info", "info[0] is", "str with a lone surrogate"),
        ({"n": 10**5000}, "info", "info['n'] is", "int with more than 4300 digits"),
        ({-(10**5000): 1}, "info", "a key or item of info", "int with more than 4300 digits"),
    ],
)
def test_a_refusal_names_the_place_and_the_type(value, name, place, kind):
    try:
        plain(value, name)
    except NotPlainError as error:
        message = str(error)
    else:
        pytest.fail("was accepted")
    assert place in message
    assert f"of type {kind}" in message


def test_a_refusal_is_of_the_packages_own_tree_and_a_type_error():
    with pytest.raises(NotPlainError) as caught:
        plain(object())
    assert isinstance(caught.value, HpbandsterError)
    assert isinstance(caught.value, TypeError)


def test_the_largest_integer_that_has_a_text_form_is_accepted():
    largest = 2**14_284 - 1
    assert plain(largest) == largest
    assert len(str(largest)) == 4300


def test_what_contains_itself_is_refused():
    knot: list = []
    knot.append({"again": knot})
    with pytest.raises(NotPlainError, match="contains itself"):
        plain(knot, "info")


@pytest.mark.parametrize("wrap", [lambda value: [value], lambda value: (value,), lambda value: {"k": value}])
def test_nesting_has_a_limit(wrap):
    def nested(levels):
        value = 1
        for _ in range(levels):
            value = wrap(value)
        return value

    assert plain(nested(100)) == nested(100)
    with pytest.raises(NotPlainError, match="nested deeper than 100 levels"):
        plain(nested(5000), "info")


def test_nesting_of_keys_has_a_limit():
    key: tuple = ()
    for _ in range(500):
        key = (key,)
    with pytest.raises(NotPlainError, match="key nested deeper"):
        plain({key: 1}, "info")


@given(
    st.one_of(
        hnp.arrays(hnp.boolean_dtypes() | hnp.integer_dtypes() | hnp.floating_dtypes(), hnp.array_shapes(min_dims=0)),
        hnp.arrays(hnp.byte_string_dtypes(), 2),
        hnp.arrays(
            hnp.unicode_string_dtypes(),
            2,
            elements=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=1),
        ),
    )
)
def test_every_numeric_array_and_each_of_its_items_is_converted_without_loss(array):
    converted = plain(array)
    assert_plain(converted)
    for item in array.flat:
        assert same(plain(item), item.item())
    flat = np.array(converted, dtype=array.dtype).reshape(array.shape)
    np.testing.assert_array_equal(flat, array)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3),
        max_leaves=10,
    )
)
def test_conversion_is_idempotent(value):
    once = plain(value)
    assert_plain(once)
    assert repr(plain(once)) == repr(once) == repr(value)


def test_tensors_of_other_libraries_become_numbers_and_lists():
    class Tensor:
        def __init__(self, values):
            self.values = np.asarray(values)
            self.ndim = self.values.ndim

        def tolist(self):
            return self.values.tolist()

    assert plain({"accuracy": Tensor(0.5), "curve": Tensor([1, 2])}) == {"accuracy": 0.5, "curve": [1, 2]}
