from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpbandster_ng.optimizers.iterations.successivehalving import SuccessiveHalving


def advanced(losses, places):
    bracket = SuccessiveHalving(0, [len(losses), places], [1, 3], None)
    bracket.stage = 1
    ids = [(0, 0, i) for i in range(len(losses))]
    return [i for i, goes_on in enumerate(bracket._advance_to_next_stage(ids, np.array(losses))) if goes_on]


@pytest.mark.parametrize(
    ("losses", "places", "expected"),
    [
        ([3.0, 1.0, 2.0], 1, [1]),
        ([3.0, 1.0, 2.0], 2, [1, 2]),
        ([3.0, 1.0], 5, [0, 1]),
        ([1.0, 1.0, 1.0], 2, [0, 1]),
        ([2.0, 1.0, 1.0, 1.0], 2, [1, 2]),
        ([-1e300, 1e300, 0.0], 1, [0]),
    ],
)
def test_the_best_go_on_and_of_equals_the_earlier(losses, places, expected):
    assert advanced(losses, places) == expected


@given(st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=20), st.integers(1, 20))
def test_nobody_who_goes_on_is_worse_than_one_who_does_not(losses, places):
    chosen = advanced(losses, places)
    assert len(chosen) == min(places, len(losses))
    rejected = [loss for i, loss in enumerate(losses) if i not in chosen]
    assert not rejected or max(losses[i] for i in chosen) <= min(rejected)
