from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpbandster_ng.optimizers.gaussian_process import targets as module

LOSSES = st.floats(-1e6, 1e6).map(lambda loss: round(loss, 3))
ANY = st.one_of(LOSSES, st.just(math.nan), st.just(math.inf), st.just(-math.inf))


def targets(losses, on_full_budget=None):
    nowhere = np.zeros(len(losses), bool)
    return module.targets(losses, nowhere if on_full_budget is None else np.array(on_full_budget))


@given(st.lists(st.tuples(ANY, st.booleans()), min_size=1, max_size=40))
def test_the_order_is_kept_ties_are_ties_and_failures_are_the_worst(results):
    losses, on_full_budget = zip(*results, strict=True)
    values = targets(np.array(losses), on_full_budget)
    assert np.isfinite(values).all()
    ranked = [loss if math.isfinite(loss) else math.inf for loss in losses]
    for one, value in zip(ranked, values, strict=True):
        for other, another in zip(ranked, values, strict=True):
            if one < other:
                assert value < another
            elif one == other:
                assert value == another


@given(st.lists(st.tuples(ANY, st.booleans()), min_size=2, max_size=40))
def test_they_are_standardised_unless_all_are_equal(results):
    losses, on_full_budget = zip(*results, strict=True)
    values = targets(np.array(losses), on_full_budget)
    assert values.mean() == pytest.approx(0.0, abs=1e-9)
    if len({loss if math.isfinite(loss) else math.inf for loss in losses}) > 1:
        assert values.std() == pytest.approx(1.0)
    else:
        assert not values.any()


@pytest.mark.parametrize("losses", [[3.0], [math.nan], [7.0] * 5, [math.inf, math.nan], [1e300, 1e300], [0.0, -0.0]])
def test_where_nothing_differs_all_are_zero(losses):
    np.testing.assert_array_equal(targets(np.array(losses)), np.zeros(len(losses)))


def test_equal_losses_say_nothing_by_their_order():
    losses = np.array([0.0] * 6 + [1.0, 1.0, 2.0, math.nan, math.inf])
    order = np.random.default_rng(0).permutation(len(losses))
    np.testing.assert_allclose(targets(losses[order]), targets(losses)[order], rtol=1e-12)


def test_the_good_half_is_linear():
    losses = np.array([0.1, 0.2, 0.4, 0.5, 3.0, 9.0, 11.0, 200.0, 9000.0])
    values = targets(losses)
    slopes = np.diff(values[:5]) / np.diff(losses[:5])
    np.testing.assert_allclose(slopes, slopes[0])


def test_the_best_quarter_of_the_full_budget_is_linear_where_losses_grow_with_the_budget():
    losses = np.array([0.1, 0.3, 0.2, 0.5, 0.4, 0.6, 0.7, 8.0, 8.1, 8.4, 20.0, 900.0, math.inf])
    on_full_budget = losses >= 8.0
    values = targets(losses, on_full_budget)
    slopes = np.diff(values[[0, 1, 7, 8]]) / np.diff(losses[[0, 1, 7, 8]])
    np.testing.assert_allclose(slopes, slopes[0])
    assert np.ptp(values[9:]) < np.ptp(values[:9])


def test_where_the_full_budget_is_better_than_the_others_it_changes_nothing():
    losses = np.array([0.1, 0.3, 0.2, 0.5, 0.4, 0.6, 0.7, 8.0, 8.1, 8.4, 20.0, 900.0, math.inf])
    np.testing.assert_array_equal(targets(losses, losses <= 0.5), targets(losses))


@pytest.mark.parametrize("terrible", [1e3, 1e9, 1e300, math.inf])
def test_outliers_do_not_flatten_the_good_half(terrible):
    rng = np.random.default_rng(1)
    losses = rng.random(40)
    spread = np.ptp(targets(losses)[losses <= np.median(losses)])
    losses[losses > 0.8] = terrible
    assert np.ptp(targets(losses)[losses <= np.median(losses)]) > 0.8 * spread


@given(st.lists(LOSSES, min_size=2, max_size=20), st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_unit_and_offset_of_the_loss_make_no_difference(losses, unit, offset):
    losses = np.round(np.array(losses))
    np.testing.assert_allclose(targets(losses * unit + offset), targets(losses), atol=1e-5)


@pytest.mark.parametrize(
    "losses",
    [[1e300, -1e300, 0.0], [1.7e308, -1.7e308, 1.0, 2.0], [1e-310, 2e-310, 5e-310, 7e-310], [1e300] * 30 + [2e300]],
)
def test_extreme_losses_are_survived(losses):
    values = targets(np.array([*losses, math.nan]))
    assert np.isfinite(values).all()
    assert values[-1] == values.max()
    assert values.std() == pytest.approx(1.0)
