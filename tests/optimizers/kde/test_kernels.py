from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.nonparametric import kernels as statsmodels_kernels

from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers.kde.kernels import (
    AitchisonAitken,
    Gaussian,
    Kernel,
    WangRyzinInteger,
    WangRyzinOrdinal,
    truncated_normal,
)

CODES = np.array([0.0, 3.0, 1.0, 3.0, 2.0])
DISCRETE = [AitchisonAitken, WangRyzinOrdinal, WangRyzinInteger]


def support_of(kind: type[Kernel], n: int) -> np.ndarray:
    codes = np.arange(n, dtype=float)
    return (codes + 0.5) / n if kind is WangRyzinInteger else codes


def test_gaussian_equals_statsmodels():
    data, x = np.array([0.1, 0.5, 0.93]), np.array([0.0, 0.4, 1.0, 1.2])
    expected = [statsmodels_kernels.gaussian(0.2, data, at) / 0.2 for at in x]
    np.testing.assert_allclose(Gaussian(data, 0.2)(x), np.transpose(expected), rtol=1e-12)


def test_aitchison_aitken_equals_statsmodels():
    expected = [statsmodels_kernels.aitchison_aitken(0.3, CODES, at, num_levels=5) for at in range(5)]
    np.testing.assert_allclose(AitchisonAitken(CODES, 0.3, num_values=5)(range(5)), np.transpose(expected))


def test_wang_ryzin_equals_statsmodels():
    expected = np.transpose([statsmodels_kernels.wang_ryzin(0.3, CODES, at) for at in range(5)])
    np.testing.assert_allclose(WangRyzinOrdinal(CODES, 0.3, num_values=5)(range(5)), expected)
    integers = WangRyzinInteger((CODES + 0.5) / 5, 0.3, num_values=5)
    np.testing.assert_allclose(integers((np.arange(5) + 0.5) / 5), expected)


@pytest.mark.parametrize("n", [2, 3, 7, 100, 1000])
def test_integers_are_found_whether_scaled_by_middles_or_by_ends(n):
    codes = np.arange(n)
    near = WangRyzinInteger([0.0], 0.5, num_values=n)
    np.testing.assert_array_equal(near((codes + 0.5) / n), near(codes / (n - 1)))


def test_scipy_agrees_with_the_cut_gaussian():
    data, x = np.array([0.0, 0.3, 1.0]), np.linspace(0, 1, 11)
    expected = [stats.truncnorm(-d / 0.2, (1 - d) / 0.2, loc=d, scale=0.2).pdf(x) for d in data]
    np.testing.assert_allclose(Gaussian(data, 0.2, fix_boundary=True)(x), expected, rtol=1e-10)
    np.testing.assert_array_equal(Gaussian(data, 0.2, fix_boundary=True)([-0.1, 1.1]), 0.0)


@given(data=st.lists(st.floats(0, 1), min_size=1, max_size=5), bandwidth=st.floats(0.02, 5))
@settings(max_examples=30, deadline=None)
def test_cut_gaussian_integrates_to_one(data, bandwidth):
    x, step = np.linspace(0, 1, 4001, retstep=True)
    values = Gaussian(data, bandwidth, fix_boundary=True)(x)
    integral = (values.sum(axis=1) - 0.5 * (values[:, 0] + values[:, -1])) * step
    np.testing.assert_allclose(integral, 1.0, atol=1e-4)


@given(kind=st.sampled_from(DISCRETE), n=st.integers(1, 30), share=st.floats(0, 1), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_discrete_kernels_sum_to_one_over_the_support(kind, n, share, seed):
    support = support_of(kind, n)
    data = np.random.default_rng(seed).choice(support, size=4)
    kernel = kind(data, fix_boundary=True, num_values=n)
    kernel.set_bandwidth(share * kernel.bandwidth_range()[1])
    np.testing.assert_allclose(kernel(support).sum(axis=1), 1.0, rtol=1e-9)


@pytest.mark.parametrize("kind", DISCRETE)
@pytest.mark.parametrize("fix_boundary", [True, False])
def test_discrete_samples_follow_the_kernel(kind, fix_boundary):
    support = support_of(kind, 4)
    kernel = kind(support[[1]], 0.6, fix_boundary, num_values=4, rng=np.random.default_rng(0))
    draws = kernel.sample(np.zeros(20_000, dtype=int))
    shares = [np.mean(np.isclose(draws, value)) for value in support]
    np.testing.assert_allclose(shares, kernel(support)[0], atol=0.015)


@pytest.mark.parametrize("fix_boundary", [True, False])
def test_gaussian_samples_follow_the_kernel(fix_boundary):
    kernel = Gaussian([0.1], 0.2, fix_boundary, rng=np.random.default_rng(0))
    draws = kernel.sample(num_samples=2000)
    law = stats.truncnorm(-0.5, 4.5, loc=0.1, scale=0.2) if fix_boundary else stats.norm(0.1, 0.2)
    assert stats.kstest(draws, law.cdf).pvalue > 0.01


def test_samples_are_drawn_around_the_chosen_points():
    kernel = Gaussian([0.1, 0.5, 0.9], 1e-9, rng=np.random.default_rng(0))
    np.testing.assert_allclose(kernel.sample([2, 0, 1, 1]), [0.9, 0.1, 0.5, 0.5], atol=1e-6)
    assert set(np.round(kernel.sample(num_samples=100), 3)) == {0.1, 0.5, 0.9}


@pytest.mark.parametrize("kind", [Gaussian, *DISCRETE])
def test_same_generator_same_samples(kind):
    draws = [kind([0.0, 1.0], 0.3, num_values=3, rng=np.random.default_rng(7)).sample(num_samples=9) for _ in range(2)]
    np.testing.assert_array_equal(*draws)


@pytest.mark.parametrize("kind", [Gaussian, *DISCRETE])
def test_inactive_training_point_is_uniform_and_inactive_test_point_is_integrated_over(kind):
    kernel = kind([np.nan, 0.0], 0.3, fix_boundary=True, num_values=4, rng=np.random.default_rng(0))
    support = np.linspace(0, 1, 4) if kind is Gaussian else support_of(kind, 4)
    density = 1.0 if kind is Gaussian else 0.25
    np.testing.assert_allclose(kernel(support)[0], density)
    np.testing.assert_array_equal(kernel([np.nan]), 1.0)
    draws = kernel.sample(np.zeros(4000, dtype=int))
    assert abs(draws.mean() - support.mean()) < 0.1
    assert not np.isnan(draws).any()


def test_deviation_of_categories_ignores_their_numbering():
    one = AitchisonAitken([0, 0, 1, 2], num_values=3).deviation()
    other = AitchisonAitken([2, 2, 0, 1], num_values=3).deviation()
    assert one == other
    assert AitchisonAitken([0, 0, 1]).deviation() == pytest.approx(np.std([0, 0, 1]))


@pytest.mark.parametrize("width", [0.1, 1.0, 5.0])
def test_wang_ryzin_bandwidth_gives_the_wanted_spread(width):
    kernel = WangRyzinOrdinal([0.0], num_values=2)
    kernel.set_bandwidth(kernel.bandwidth_for(width))
    steps = np.arange(-2000, 2001)
    assert np.sqrt((kernel(steps)[0] * steps**2).sum()) == pytest.approx(width, rel=1e-6)


@pytest.mark.parametrize("kind", DISCRETE)
def test_no_smoothing_keeps_the_values(kind):
    kernel = kind([0.0, 1.0], 0.0, fix_boundary=True, num_values=2)
    np.testing.assert_array_equal(kernel.sample([0, 1]) > 0.5, [False, True])
    np.testing.assert_array_equal(kernel([0.0, 1.0]), np.eye(2))


def test_far_values_keep_a_finite_logarithm():
    assert Gaussian([0.0], 1e-3).log_values([1.0])[0, 0] == pytest.approx(-0.5e6, rel=1e-3)


def test_truncated_normal_stays_inside_for_centres_on_the_ends():
    draws = truncated_normal(np.random.default_rng(0), np.array([0.0, 1.0] * 500), 1e-3)
    assert draws.min() >= 0
    assert draws.max() <= 1
    assert np.abs(draws - np.round(draws)).max() < 0.01


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Gaussian([0.5], 0.0), "bandwidth=0.0 must be between"),
        (lambda: Gaussian([1.5], 0.1, fix_boundary=True), r"must lie in \[0, 1\]"),
        (lambda: AitchisonAitken([0, 1], 0.6), "bandwidth=0.6 must be between 0 and 0.5"),
        (lambda: AitchisonAitken([0, 5], num_values=3), "whole numbers from 0 to 2"),
        (lambda: WangRyzinOrdinal([0.5]), "whole numbers"),
        (lambda: WangRyzinOrdinal([0, 1], 1.0), "bandwidth=1.0 must be between"),
        (lambda: WangRyzinInteger([0.5]), "num_values=None must be given"),
        (lambda: WangRyzinInteger([0, 2], num_values=3), r"must lie in \[0, 1\]"),
        (lambda: AitchisonAitken([0], num_values=0), "num_values=0 must be at least 1"),
        (lambda: Gaussian(bandwidth=0.1)([0.5]), "must hold at least one value"),
        (lambda: Gaussian([0.5]).sample(), "must be set before use"),
    ],
)
def test_bad_input_is_refused_by_name(make, message):
    with pytest.raises(InvalidArgumentError, match=message):
        make()
