from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpbandster_ng.optimizers.config_generators.columns import Kind
from hpbandster_ng.optimizers.config_generators.search_space import SearchSpace
from hpbandster_ng.optimizers.gaussian_process.features import Features
from hpbandster_ng.optimizers.gaussian_process.kernel import Kernel, matern, squared_distances
from tests.optimizers.config_generators.spaces import everything, pairs_of_spaces

NAN = float("nan")


def by_hand(kinds, num_values, one, other, scales):
    """The squared distance of two rows of codes and fidelities, as the docstrings write it."""
    total = (one[-1] - other[-1]) ** 2 / scales[-1] ** 2
    for kind, count, left, right, scale in zip(kinds, num_values, one, other, scales, strict=False):
        if kind is Kind.CATEGORICAL:
            is_equal = left == right or (np.isnan(left) and np.isnan(right))
            total += 0.0 if is_equal else 0.5 / scale**2
        else:
            size = max(count - 1, 1) if kind is Kind.ORDINAL else 1
            first, second = (0.5 if np.isnan(code) else code / size for code in (left, right))
            total += (first - second) ** 2 / scale**2
    return total


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(pairs_of_spaces(), st.integers(0, 2**32 - 1))
def test_distances_are_those_of_the_docstring_and_kernels_positive_definite(spaces, seed):
    rng = np.random.default_rng(seed)
    space = SearchSpace(spaces[1])
    num_values = space.num_values.tolist()
    features = Features(space.kinds, num_values)
    codes, fidelities = space.sample_codes(rng, 25), rng.choice([0.0, 0.5, 1.0], 25)
    scales = np.exp(rng.normal(size=features.num_groups))
    rows = features(codes, fidelities)
    inverse_scales = 1 / scales[features.groups]
    squares = squared_distances(rows * inverse_scales, rows * inverse_scales)
    coded = np.column_stack([codes, fidelities])
    expected = [[by_hand(space.kinds, num_values, one, other, scales) for other in coded] for one in coded]
    np.testing.assert_allclose(squares, expected, atol=1e-9 * (1 + np.max(expected)))
    covariances = Kernel(inverse_scales, 1.3, 0.4, 1e-3)(rows, rows)
    assert np.linalg.eigvalsh(covariances).min() > -1e-10
    np.testing.assert_allclose(np.diag(covariances), 1.7, rtol=1e-6)


def test_all_kinds_and_inactive_ones():
    space = SearchSpace(everything())
    features = Features(space.kinds, space.num_values.tolist())
    rows = features(space.sample_codes(np.random.default_rng(0), 200), 1.0)
    assert rows.shape == (200, len(features.groups))
    assert ((rows >= 0) & (rows <= 1)).all()
    for group, kind in enumerate(space.kinds):
        if kind is Kind.CATEGORICAL:
            one_hot = rows[:, features.groups == group]
            assert ((one_hot == 0.5).sum(axis=1) == 1).all()
            assert (one_hot.sum(axis=1) == 0.5).all()


def test_inactivity_is_a_level_like_any_other():
    features = Features([Kind.CATEGORICAL], [2])
    rows = features(np.array([[0.0], [1.0], [NAN], [NAN]]), 1.0)
    squares = squared_distances(rows, rows)
    np.testing.assert_allclose(squares, 0.5 * (1 - np.eye(4)) * (1 - np.eye(4)[[0, 1, 3, 2]]))


def test_a_constant_distance_of_what_is_inactive_would_not_be_positive_definite():
    """Ten levels at mutual distances of 0.5, and inactivity, at 0.3 from all of them and from itself."""
    squares = np.full((11, 11), 0.5)
    np.fill_diagonal(squares, 0.0)
    squares[-1, :] = squares[:, -1] = 0.3
    assert np.linalg.eigvalsh(matern(squares)).min() < -0.01


def test_only_the_fidelity_is_left_of_a_space_of_constants():
    features = Features([], [])
    np.testing.assert_array_equal(features(np.empty((2, 0)), np.array([0.0, 1.0])), [[0.0], [1.0]])
    assert features.num_groups == 1


@pytest.mark.parametrize("count", [1, 3, 30])
def test_an_ordinal_spreads_over_the_unit_interval(count):
    rows = Features([Kind.ORDINAL], [count])(np.arange(count, dtype=float)[:, None], 0.0)
    np.testing.assert_allclose(rows[:, 0], np.linspace(0, 1, count) if count > 1 else [0.0])
