from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpbandster_ng.optimizers.gaussian_process.acquisition import (
    augmented_log_improvement,
    log_expected_improvement,
)

# log(phi(z) + z Phi(z)) with 80 digits; below -200 by ten terms of its asymptotic series.
REFERENCES = [
    (8.0, 2.0794415416798359),
    (3.0, 1.0987396653277078),
    (1.0, 0.08002621884930694),
    (0.5, -0.35982768374506382),
    (0.0, -0.91893853320467274),
    (-0.5, -1.6205162643873199),
    (-0.999, -2.4832171154475854),
    (-1.0, -2.4851210257126413),
    (-1.001, -2.4870256579553892),
    (-2.0, -4.7687835239171142),
    (-5.0, -16.74430116266099),
    (-10.0, -55.553122036122356),
    (-37.0, -692.64296016327041),
    (-40.0, -808.29856835661996),
    (-100.0, -5010.1295788002498),
    (-1000.0, -500014.73445209116),
    (-9999.0, -49990019.839419297),
    (-10001.0, -50010019.839819297),
    (-1e5, -5000000023.9447895),
    (-1e6, -500000000028.54996),
]


def log_h(z):
    z = np.atleast_1d(np.asarray(z, dtype=float))
    return log_expected_improvement(-z, np.ones(len(z)), 0.0)


@pytest.mark.parametrize(("z", "expected"), REFERENCES)
def test_equals_references_of_high_precision(z, expected):
    assert log_h(z)[0] == pytest.approx(expected, rel=1e-10)


def test_rises_with_what_is_expected_and_is_finite_everywhere():
    z = np.concatenate([-np.logspace(6, -6, 4000), [0.0], np.logspace(-6, 4, 2000)])
    values = log_h(z)
    assert np.isfinite(values).all()
    assert (np.diff(values) > 0).all()


def test_has_no_step_where_one_formula_takes_over_from_another():
    for at in (-1.0, -1e4):
        left, right = log_h([np.nextafter(at, -np.inf), np.nextafter(at, np.inf)])
        assert left == pytest.approx(right, rel=1e-12)


@given(st.floats(-50, 50), st.floats(1e-8, 1e4), st.floats(-50, 50), st.floats(1e-3, 1e3))
def test_scales_with_the_unit_of_the_loss(mean, variance, best, unit):
    plain = log_expected_improvement(np.array([mean]), np.array([variance]), best)[0]
    scaled = log_expected_improvement(np.array([mean * unit]), np.array([variance * unit * unit]), best * unit)[0]
    assert scaled - np.log(unit) == pytest.approx(plain, rel=1e-6, abs=1e-6)


def test_without_noise_the_augmented_form_is_the_plain_one():
    means, variances = np.array([0.3, -1.0]), np.array([0.5, 2.0])
    plain = log_expected_improvement(means, variances, 0.0)
    np.testing.assert_array_equal(augmented_log_improvement(means, variances, 0.0, np.zeros(2)), plain)


def test_the_augmented_form_takes_away_what_noise_hides():
    means, variances, noise = np.array([0.3, 0.3, 0.3]), np.array([1.0, 1.0, 1e-4]), np.array([0.5, 2.0, 2.0])
    lost = augmented_log_improvement(means, variances, 0.0, noise) - log_expected_improvement(means, variances, 0.0)
    expected = np.log(1 - np.sqrt(noise) / np.sqrt(noise + variances))
    np.testing.assert_allclose(lost, expected, rtol=1e-9)
    assert lost[0] > lost[1] > lost[2]


def test_the_augmented_form_is_finite_where_nothing_but_noise_is_left():
    value = augmented_log_improvement(np.array([1.0]), np.array([1e-10]), 0.0, np.array([4.0]))
    assert np.isfinite(value).all()
