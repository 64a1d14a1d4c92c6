from __future__ import annotations

import math

import numpy as np
import pytest

from hpbandster_ng.simulator.luck import Luck

MANY = 20_000


def factors(luck, sigma, n=MANY):
    return np.array([luck.straggling((i, 0, 0), 9.0, 1, sigma) for i in range(n)])


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0])
def test_stragglers_are_log_normal_of_mean_1(sigma):
    drawn = factors(Luck(3), sigma)
    standard_error = math.sqrt(math.expm1(sigma**2) / MANY)
    assert abs(drawn.mean() - 1) < 4 * standard_error
    logs = np.log(drawn)
    assert abs(logs.mean() + sigma**2 / 2) < 4 * sigma / math.sqrt(MANY)
    assert abs(logs.std() - sigma) < 4 * sigma / math.sqrt(2 * MANY)


def test_without_straggling_the_factor_is_exactly_1():
    assert set(factors(Luck(3), 0.0, n=10)) == {1.0}


def test_lifetimes_are_exponential():
    rate = 0.02
    drawn = np.array([Luck(3).lifetime(worker, life, rate) for worker in range(100) for life in range(200)])
    assert abs(drawn.mean() * rate - 1) < 4 / math.sqrt(MANY)
    assert abs((drawn > 1 / rate).mean() - math.exp(-1)) < 4 * 0.5 / math.sqrt(MANY)


def test_who_never_crashes_lives_for_ever():
    assert Luck(3).lifetime(0, 0, 0.0) == math.inf


def test_luck_belongs_to_its_subject_and_not_to_the_order():
    subjects = [((i, 0, j), budget, attempt) for i in (0, 1) for j in (0, 1) for budget in (3, 9) for attempt in (1, 2)]
    luck = Luck(7)
    forwards = {subject: luck.straggling(*subject, 1.0) for subject in subjects}
    for i in range(20):
        luck.lifetime(i, 0, 1.0)
    assert {subject: luck.straggling(*subject, 1.0) for subject in reversed(subjects)} == forwards
    assert len(set(forwards.values())) == len(subjects)


def test_each_seed_has_its_own_luck_however_large():
    seeds = [0, 1, 2**32, 2**64, 2**200]
    assert len({Luck(seed).straggling((0, 0, 0), 1.0, 1, 1.0) for seed in seeds}) == len(seeds)


def test_the_warm_starts_iteration_has_luck_too():
    assert Luck(0).straggling((-1, 0, 0), 1.0, 1, 1.0) > 0
