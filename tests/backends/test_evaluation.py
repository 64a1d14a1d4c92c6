from __future__ import annotations

import asyncio
import collections
import fractions
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from hpbandster_ng.backends.evaluation import Call, evaluate
from hpbandster_ng.engine.plain_json import dumps
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.errors import NotPlainError

INVALID = OutcomeState.INVALID
CALL = Call((0, 1, 2), {"x": 0.5}, 9.0, "/scratch", previous_budget=3.0)


def outcome_of(compute):
    return evaluate(compute, CALL)


def returning(value):
    return outcome_of(lambda **kwargs: value)


def raising(error):
    def compute(**kwargs):
        raise error

    return outcome_of(compute)


def assert_failed(outcome, *parts, state=OutcomeState.FAILED):
    assert outcome.state is state
    assert outcome.is_configs_fault
    assert outcome.result is None
    for part in parts:
        assert part in outcome.error
    dumps(outcome.error)


class Grumpy:
    """Whatever is asked of it raises, as tensors on a dead device do."""

    def __float__(self):
        raise RuntimeError("device lost")

    def __repr__(self):
        raise RuntimeError("device lost")


class Lazy(collections.UserDict):
    def __getitem__(self, key):
        raise OSError("the result is gone")


FOUR = {"config_id": (0, 1, 2), "config": {"x": 0.5}, "budget": 9.0, "working_directory": "/scratch"}


def takes_keywords(seen):
    return lambda **kwargs: seen.update(kwargs)


def takes_four_and_more(seen):
    return lambda config_id, config, budget, working_directory, *args, **kwargs: seen.update(
        kwargs, config_id=config_id
    )


def takes_five(seen):
    return lambda config_id, config, budget, working_directory, previous_budget: seen.update(p=previous_budget)


def takes_it_by_keyword(seen):
    return lambda config_id, config, budget, working_directory, *, previous_budget=None: seen.update(p=previous_budget)


def takes_four(seen):
    return lambda config_id, config, budget, working_directory: seen.update(four=(config_id, config, budget))


class Object:
    def __init__(self, seen):
        self.seen = seen

    def __call__(self, config_id, config, budget, working_directory):
        self.seen["config_id"] = config_id


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (takes_keywords, {**FOUR, "previous_budget": 3.0}),
        (takes_four_and_more, {"config_id": (0, 1, 2), "previous_budget": 3.0}),
        (takes_five, {"p": 3.0}),
        (takes_it_by_keyword, {"p": 3.0}),
        (takes_four, {"four": ((0, 1, 2), {"x": 0.5}, 9.0)}),
        (Object, {"config_id": (0, 1, 2)}),
    ],
)
def test_compute_gets_four_as_keywords_and_the_previous_budget_if_it_takes_it(make, expected):
    seen = {}
    outcome_of(make(seen))
    assert seen == expected


def test_a_callable_without_a_signature_gets_four():
    assert_failed(outcome_of(dict), "a dict without 'loss'", state=INVALID)  # dict raises nothing


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (0.5, 0.5),
        (3, 3.0),
        (-1e300, -1e300),
        (True, 1.0),
        (np.bool_(False), 0.0),
        (np.float32(0.25), 0.25),
        (np.float16(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.int64(7), 7.0),
        (np.array(0.5), 0.5),
        (np.array([0.5]), 0.5),
        (np.array([[0.5]], dtype=np.float32), 0.5),
        (np.ma.array([0.5]), 0.5),
        (pd.Series([0.5]), 0.5),
        (fractions.Fraction(1, 4), 0.25),
        (Decimal("0.25"), 0.25),
    ],
)
def test_what_is_a_number_in_any_dress_is_the_loss(loss, expected):
    outcome = returning({"loss": loss, "info": None})
    assert outcome.state is OutcomeState.SUCCEEDED
    assert outcome.error is None
    assert outcome.result == {"loss": expected, "info": None}
    assert type(outcome.result["loss"]) is float


@pytest.mark.parametrize(
    ("loss", "parts"),
    [
        (None, ["loss=None", "not a number"]),
        ("0.5", ["loss='0.5' of type str", "not a number"]),
        (b"1", ["of type bytes", "not a number"]),
        (1j, ["of type complex"]),
        (np.complex64(1), ["of type complex64"]),
        ([0.5], ["loss=[0.5] of type list"]),
        ((0.5,), ["of type tuple"]),
        ({}, ["of type dict"]),
        (np.array([0.5, 0.6]), ["of type ndarray", "not a number"]),
        (np.array([]), ["of type ndarray", "not a number"]),
        (np.array([None]), ["of type ndarray", "not a number"]),
        (np.arange(1000), ["...", "of type ndarray"]),
        (10**400, ["not a number"]),
        (object(), ["of type object"]),
        (np.ma.masked, ["not a number"]),
        (np.ma.array([1.0, 2.0], mask=True).mean(), ["not a number"]),
        (float("nan"), ["loss=nan", "not finite"]),
        (np.float32("nan"), ["loss=nan", "not finite"]),
        (float("inf"), ["loss=inf", "not finite"]),
        (-np.inf, ["loss=-inf", "not finite"]),
        (np.array([np.nan]), ["loss=nan", "not finite"]),
        (Grumpy(), ["device lost", "Traceback"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_finite_number_is_a_failure_that_shows_it(loss, parts):
    assert_failed(returning({"loss": loss, "info": {}}), "loss" if len(parts) == 1 else "", *parts, state=INVALID)


@pytest.mark.parametrize(
    ("returned", "parts"),
    [
        (None, ["compute returned None", '{"loss": number, "info": ...}']),
        (0.5, ["compute returned 0.5 of type float"]),
        ((0.5, {}), ["of type tuple"]),
        (np.array([0.5]), ["of type ndarray"]),
        ("a" * 500, ["aaa...", "of type str"]),
        ({}, ["a dict without 'loss'"]),
        ({"info": 1}, ["a dict without 'loss'"]),
        (Lazy(loss=1), ["the result is gone", "Traceback"]),
        (Grumpy(), ["device lost"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_result_is_a_failure_that_says_what_to_return(returned, parts):
    assert_failed(returning(returned), *parts, state=INVALID)


def test_info_becomes_plain_and_is_none_where_it_is_missing():
    info = {"curve": np.arange(3), "best": np.float32(0.5), "shape": (np.int64(2),), "nan": None}
    assert returning({"loss": 1, "info": info}).result["info"] == {
        "curve": [0, 1, 2],
        "best": 0.5,
        "shape": (2,),
        "nan": None,
    }
    assert returning({"loss": 1}).result == {"loss": 1.0, "info": None}


def test_any_mapping_will_do():
    assert returning(collections.UserDict(loss=1, info="x")).result == {"loss": 1.0, "info": "x"}


@pytest.mark.parametrize(
    ("info", "parts"),
    [
        ({"model": object()}, ["info['model'] is of type object", "cannot be sent"]),
        ([1, {"f": len}], ["info[1]['f'] is of type builtin_function_or_method"]),
        ({"name": "\udcff"}, ["info['name']", "lone surrogate"]),
        ({"n": 10**5000}, ["info['n']", "4300 digits"]),
        (Lazy(a=1), ["the result is gone"]),
    ],
    ids=["object", "function", "surrogate", "digits", "lazy"],
)
def test_an_info_that_cannot_be_sent_is_a_failure_that_names_key_and_type(info, parts):
    assert_failed(returning({"loss": 0.5, "info": info}), *parts, state=INVALID)


def test_an_info_that_contains_itself():
    info: dict = {}
    info["self"] = info
    assert_failed(returning({"loss": 0.5, "info": info}), "contains itself", state=INVALID)


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (ValueError("grüße, 世界 \N{PILE OF POO}"), ["Traceback", "ValueError: grüße, 世界 \N{PILE OF POO}"]),
        (OSError("no such file: a\udcff"), ["no such file: a\\udcff"]),
        (SystemExit(1), ["Traceback", "SystemExit: 1"]),
        (asyncio.CancelledError(), ["CancelledError"]),
        (GeneratorExit(), ["GeneratorExit"]),
        (MemoryError(), ["MemoryError"]),
        (NotPlainError("of my own"), ["Traceback", "of my own"]),
        (StopIteration(3), ["StopIteration: 3"]),
        (BaseException("at all"), ["BaseException: at all"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_compute_raises_is_a_failure_with_its_traceback(error, parts):
    assert_failed(raising(error), "in compute", *parts)


def test_an_exception_that_cannot_be_shown():
    class Silent(Exception):
        def __str__(self):
            raise RuntimeError

    assert_failed(raising(Silent()), "Traceback", "Silent")


def test_sys_exit_and_endless_recursion():
    def recurse(**kwargs):
        return recurse(**kwargs)

    assert_failed(outcome_of(lambda **kwargs: sys.exit("bye")), "SystemExit: bye")
    assert_failed(outcome_of(recurse), "RecursionError")


def test_compute_with_the_wrong_arguments():
    assert_failed(outcome_of(lambda config, budget: None), "TypeError", "config_id")


def test_only_the_keyboard_interrupts():
    with pytest.raises(KeyboardInterrupt):
        raising(KeyboardInterrupt())


def test_a_tensor_of_pytorch_is_a_loss_and_an_info_without_a_warning():
    torch = pytest.importorskip("torch", reason="the extra torch is not installed")
    loss = torch.tensor(0.5, requires_grad=True)
    outcome = returning({"loss": loss, "info": {"accuracy": torch.tensor(0.25)}})
    assert outcome.result == {"loss": 0.5, "info": {"accuracy": 0.25}}
    two = returning({"loss": torch.zeros(2), "info": None})
    assert "which is not a number" in two.error
