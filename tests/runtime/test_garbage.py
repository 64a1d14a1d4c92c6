"""Python does not look through all that a process holds again and again while workers wait."""

from __future__ import annotations

import gc
import weakref

import pytest

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.optimizers import RandomSearch
from hpbandster_ng.runtime.garbage import Garbage
from tests.optimizers.test_plan import SPACE


class Cycle:
    def __init__(self):
        self.itself = self


def dropped():
    """Garbage that only a search finds."""
    return weakref.ref(Cycle())


@pytest.fixture
def garbage():
    there = Garbage()
    there.begin(at=10.0)
    yield there
    there.end()
    assert gc.get_freeze_count() == 0


def test_what_is_there_is_searched_once_when_the_run_is_no_short_one(garbage):
    garbage.search(at=10.5)
    assert gc.get_freeze_count() == 0
    before = dropped()
    garbage.search(at=11.0)
    assert before() is None
    count = gc.get_freeze_count()
    assert count > 10_000
    garbage.search(at=12.0)
    assert gc.get_freeze_count() == count


def test_what_is_made_later_is_still_searched(garbage):
    garbage.search(at=11.0)
    later = dropped()
    gc.collect()
    assert later() is None


def test_who_spares_himself_the_search_goes_on_as_he_likes(garbage):
    gc.disable()
    try:
        garbage.search(at=11.0)
    finally:
        gc.enable()
    assert gc.get_freeze_count() == 0


def test_what_a_user_has_frozen_stays_frozen():
    gc.freeze()
    try:
        garbage = Garbage()
        garbage.begin(at=0.0)
        garbage.search(at=9.0)
        garbage.end()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


@pytest.mark.parametrize("is_interrupted", [False, True])
def test_a_run_leaves_everything_to_be_searched_however_it_ends(is_interrupted):
    now = 0.0
    frozen = []

    def compute(config, **_):
        nonlocal now
        now += 1.0
        frozen.append(gc.get_freeze_count() > 0)
        if is_interrupted and len(frozen) == 4:
            raise KeyboardInterrupt
        return config["x"]

    backend = InProcessBackend(compute)
    with RandomSearch(SPACE, min_budget=1, max_budget=1, backend=backend, seed=0, clock=lambda: now) as optimizer:
        try:
            optimizer.run(total_budget=6)
        except KeyboardInterrupt:
            assert is_interrupted
    assert frozen[-1]
    assert not frozen[0]
    assert gc.get_freeze_count() == 0
