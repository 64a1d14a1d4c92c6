from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import lognorm

from hpbandster_ng.optimizers.config_generators.columns import Kind
from hpbandster_ng.optimizers.gaussian_process.features import Features
from hpbandster_ng.optimizers.gaussian_process.fitting import JITTER, Model, fit


def some_data(seed, n=25, kinds=(Kind.NUMBER, Kind.CATEGORICAL, Kind.ORDINAL, Kind.NUMBER), num_values=(0, 3, 4, 0)):
    """Codes of all kinds, a few inactive, on three rungs."""
    rng = np.random.default_rng(seed)
    columns = [
        rng.integers(count, size=n).astype(float) if count else rng.random(n)
        for kind, count in zip(kinds, num_values, strict=True)
    ]
    codes = np.array(columns).T.reshape(n, len(kinds))
    codes[rng.random(codes.shape) < 0.1] = math.nan
    features = Features(kinds, num_values)
    return Model(features.groups, features.num_groups), features(codes, rng.choice([0.0, 0.5, 1.0], n)), rng


def random_hyperparameters(model, rng):
    means, deviations = model.prior
    return np.clip(means + 0.7 * deviations * rng.normal(size=len(means)), *model.bounds.T)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_gradient_is_that_of_finite_differences(seed):
    model, features, rng = some_data(seed)
    hyperparameters, targets = random_hyperparameters(model, rng), rng.normal(size=len(features))
    _, gradient = model.objective(hyperparameters, features, targets)
    for i in range(len(hyperparameters)):
        step = np.zeros_like(hyperparameters)
        step[i] = 1e-5
        above, below = (model.objective(hyperparameters + sign * step, features, targets)[0] for sign in (1.0, -1.0))
        assert gradient[i] == pytest.approx((above - below) / 2e-5, rel=1e-4, abs=1e-3)


def test_the_objective_is_the_density_that_the_docstrings_write():
    model, features, rng = some_data(3)
    hyperparameters, targets = random_hyperparameters(model, rng), rng.normal(size=len(features))
    kernel = model.kernel(hyperparameters)
    covariances = kernel(features, features) + np.diag(kernel.noise_at(features) + JITTER)
    means, deviations = model.prior
    expected = (
        0.5 * targets @ np.linalg.inv(covariances) @ targets
        + 0.5 * np.linalg.slogdet(covariances)[1]
        + 0.5 * (((hyperparameters - means) / deviations) ** 2).sum()
    )
    assert model.objective(hyperparameters, features, targets)[0] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("dimensions", [1, 4, 60])
def test_the_prior_of_length_scales_is_at_the_mode_of_its_density(dimensions):
    """LogNormal(sqrt(2) + log(d) / 2, sqrt(3)): the scale, not its logarithm, at its most probable."""
    model = Model(np.arange(dimensions + 1), dimensions + 1)
    density = lognorm(s=math.sqrt(3), scale=math.exp(math.sqrt(2)) * math.sqrt(dimensions))
    mode = minimize_scalar(lambda log: -density.logpdf(math.exp(log)), bounds=(-8, 8), method="bounded").x
    means, deviations = model.prior
    np.testing.assert_allclose(means[:dimensions], mode, atol=1e-4)
    np.testing.assert_allclose(deviations[:dimensions], math.sqrt(3))
    assert len(means) == dimensions + 5
    low, high = model.bounds.T
    assert ((low < means) & (means < high) | (means == low)).all()


def test_hyperparameters_mean_what_the_docstring_says():
    model = Model(np.array([0, 1, 1, 2]), 3)
    kernel = model.kernel(np.log([0.5, 2.0, 4.0, 1e-3, 1.5, 0.7, 9.0]))
    np.testing.assert_allclose(kernel.inverse_scales, [2.0, 0.5, 0.5, 0.25])
    assert (kernel.noise, kernel.variance, kernel.offset_variance) == pytest.approx((1e-3, 1.5, 0.7))
    assert kernel.noise_at(np.array([[0, 0, 0, 0.0], [0, 0, 0, 1.0]])) == pytest.approx([9e-3, 1e-3])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_fit_is_no_worse_than_either_start_and_within_the_bounds(seed):
    model, features, rng = some_data(seed)
    targets = np.sin(4 * features[:, 0]) + 0.1 * rng.normal(size=len(features))
    starts = [model.prior[0], random_hyperparameters(model, rng)]
    found = fit(model, features, targets, starts)
    low, high = model.bounds.T
    assert ((found >= low) & (found <= high)).all()
    reached = model.objective(found, features, targets)[0]
    for start in starts:
        assert reached <= model.objective(np.clip(start, low, high), features, targets)[0]
        assert reached <= model.objective(fit(model, features, targets, [start]), features, targets)[0]


def test_finds_which_hyperparameters_matter_and_how_noisy_the_results_are():
    rng = np.random.default_rng(0)
    features = np.column_stack([rng.random((120, 3)), np.ones(120)])
    model = Model(np.arange(4), 4)
    targets = np.sin(6 * features[:, 0]) + 0.1 * rng.normal(size=120)
    found = fit(model, features, targets, [model.prior[0]])
    scales = np.exp(found[:3])
    assert scales[0] < 1
    assert scales[1:].min() > 3 * scales[0]
    assert 0.005 < math.exp(found[4]) < 0.02


@pytest.mark.parametrize("seed", range(5))
def test_little_data_tell_the_noise_of_low_budgets_from_a_rough_function(seed):
    """Six exact results in full, and many on the smallest budget that are nothing but noise."""
    rng = np.random.default_rng(seed)
    low = np.column_stack([rng.random((30, 2)), np.zeros(30)])
    full = np.column_stack([rng.random((6, 2)), np.ones(6)])
    targets = np.concatenate([rng.normal(size=30), np.sin(3 * full[:, 0])])
    model = Model(np.arange(3), 3)
    found = fit(model, np.concatenate([low, full]), targets, [model.prior[0]])
    noise_low, noise_full = model.kernel(found).noise_at(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    assert noise_low > 0.3
    assert noise_full < 0.05


def test_two_starts_find_what_one_alone_misses():
    """From where everything is noise there is no way down to the length scales that explain the targets."""
    features = np.column_stack([np.linspace(0, 1, 40), np.ones(40)])
    model = Model(np.arange(2), 2)
    targets = np.sqrt(2) * np.sin(2 * np.pi * 5 * features[:, 0])
    noise = model.prior[0].copy()
    noise[0], noise[2] = math.log(50.0), math.log(1.0)
    stuck = fit(model, features, targets, [noise])
    found = fit(model, features, targets, [model.prior[0], noise])
    assert math.exp(stuck[2]) > 0.5
    assert math.exp(found[2]) < 0.05
    assert model.objective(found, features, targets)[0] < model.objective(stuck, features, targets)[0] - 5


@pytest.mark.parametrize("targets", [[0.0], [0.0] * 12])
def test_next_to_nothing_to_learn_from_is_survived(targets):
    model, features, _ = some_data(1, n=len(targets))
    found = fit(model, features, np.array(targets), [model.prior[0]])
    assert np.isfinite(found).all()


def test_the_same_point_evaluated_often_is_survived():
    model = Model(np.arange(2), 2)
    features = np.ones((50, 2))
    found = fit(model, features, np.random.default_rng(0).normal(size=50), [model.prior[0]])
    assert np.isfinite(found).all()
    assert math.exp(found[2]) > 0.3


def test_no_dimension_but_the_fidelity():
    features = np.array([[0.0], [0.5], [1.0], [1.0]])
    model = Model(np.zeros(1, dtype=int), 1)
    found = fit(model, features, np.array([1.0, 0.0, -1.0, -0.9]), [model.prior[0]])
    assert len(found) == 5
    assert np.isfinite(found).all()
