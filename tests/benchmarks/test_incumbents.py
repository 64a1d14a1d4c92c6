"""Which configuration is recommended when."""

import math

import numpy as np
import pytest

from benchmarks.quality.incumbents import (
    MOMENTS,
    best_at_largest_budget,
    predicted_best,
    recommended_losses,
    steady,
)
from benchmarks.quality.results import SHARES
from benchmarks.quality.trace import Trace
from hpbandster_ng.core.recommendation import recommended

INF = math.inf


def trace(results, wall_clock=10.0):
    """Of ``(finished_at, config, budget, loss, full_loss)``."""
    finished_at, config, budget, loss, full_loss = (np.array(column, float) for column in zip(*results, strict=True))
    return Trace(finished_at, config.astype(int), budget, loss, full_loss, wall_clock, 0.0, 0.0)


# budgets and losses as they come -> the recommended result after each, by the largest budget and by the steady rule
TABLE = [
    ([(1, 0.5), (1, 0.3), (1, 0.4)], [0, 1, 1], [0, 1, 1]),
    ([(1, 0.5), (1, 0.3), (1, 0.4), (3, 0.9)], [0, 1, 1, 3], [0, 1, 1, 1]),
    ([(1, 0.5), (3, 0.9)], [0, 1], [0, 1]),  # no budget has three: the largest
    ([(1, 0.5), (1, 0.5), (1, 0.5), (3, 0.9), (3, 0.8), (3, 0.85)], [0, 0, 0, 3, 4, 4], [0, 0, 0, 0, 0, 4]),
    ([(1, INF), (1, 0.5), (3, INF)], [-1, 1, 1], [-1, 1, 1]),
    ([(1, 0.1), (1, 0.2), (1, 0.3), (3, INF), (3, INF), (3, INF)], [0] * 6, [0] * 6),  # failures are no results
    ([(1, 0.1), (1 + 1e-9, 0.05)], [0, 1], [0, 1]),  # the same budget, but for rounding
]


@pytest.mark.parametrize(("results", "by_largest", "by_steady"), TABLE)
def test_what_is_recommended(results, by_largest, by_steady):
    told = trace([(i, i, budget, loss, loss) for i, (budget, loss) in enumerate(results, 1)])
    assert best_at_largest_budget(told).tolist() == by_largest
    assert steady(told).tolist() == by_steady


def test_the_recommendation_at_shares_of_the_wall_clock():
    told = trace([(1, 0, 1, 0.5, 0.7), (5, 1, 1, 0.4, 0.6), (10, 2, 1, 0.3, 0.2)])
    losses = recommended_losses(told, steady(told), np.array([0.05, 0.1, 0.49, 0.5, 1.0]), workers=1, worst=1.0)
    assert losses.tolist() == [0.7, 0.7, 0.7, 0.6, 0.2]


def test_before_the_first_result_it_is_a_blind_pick():
    told = trace([(4, 0, 1, 0.5, 0.75), (5, 1, 1, 0.4, 0.25), (6, 0, 3, 0.5, 0.75), (7, 2, 1, 0.1, 0.1)])
    assert recommended_losses(told, steady(told), np.array([0.1]), workers=2, worst=1.0).tolist() == [0.5]


def test_failures_count_as_the_worst_loss():
    told = trace([(1, 0, 1, INF, INF), (2, 1, 1, 0.5, INF)])
    assert recommended_losses(told, steady(told), np.array([0.1, 0.2]), workers=1, worst=0.9).tolist() == [0.9, 0.9]


def test_a_run_without_any_result_counts_as_the_worst_loss():
    told = Trace(*(np.empty(0) for _ in range(5)), 10.0, 0.0, 0.0)
    assert recommended_losses(told, steady(told), np.array([0.1, 1.0]), workers=4, worst=0.9).tolist() == [0.9, 0.9]


def test_the_predicted_best_is_what_a_result_recommends_at_every_moment():
    rng = np.random.default_rng(0)
    config, budget = np.append(np.arange(60), np.arange(20)), np.repeat([1.0, 3.0], [60, 20])
    loss = rng.normal(size=80)
    loss[:5] = INF
    told = Trace(np.linspace(0.05, 10, 80), config, budget, loss, loss, 10.0, 0.0, 0.0)
    answers = predicted_best(told)
    assert answers[:5].tolist() == [-1] * 5
    for share in SHARES:
        now = np.searchsorted(told.finished_at, share * told.wall_clock * (1 + 1e-9), side="right")
        if now > 5:
            assert answers[now - 1] == recommended(config[:now], budget[:now], loss[:now])


def test_the_predicted_best_is_asked_whenever_a_regret_is_taken():
    assert set(SHARES) <= set(MOMENTS)


def test_of_a_run_without_any_result_nothing_is_predicted():
    assert predicted_best(Trace(*(np.empty(0) for _ in range(5)), 10.0, 0.0, 0.0)).tolist() == []
