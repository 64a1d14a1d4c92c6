from __future__ import annotations

import numpy as np
import pytest

from hpbandster_ng.optimizers.gaussian_process.kernel import (
    Kernel,
    fidelity_covariances,
    matern,
    squared_distances,
)


def test_matern_is_the_textbooks():
    distances = np.array([0.0, 0.3, 1.0, 4.0])
    root = np.sqrt(5) * distances
    expected = (1 + root + 5 * distances**2 / 3) * np.exp(-root)
    np.testing.assert_allclose(matern(distances**2), expected, rtol=1e-14)


def test_squared_distances_are_never_negative():
    rows = np.random.default_rng(0).random((50, 7)) + 1e4
    squares = squared_distances(rows, rows)
    assert squares.min() >= 0
    expected = ((rows[:, None] - rows) ** 2).sum(axis=-1)
    np.testing.assert_allclose(squares, expected, atol=1e-5)


def test_covariances_of_fidelities_take_the_shape_of_the_arguments():
    rng = np.random.default_rng(0)
    left, right = rng.choice([0.0, 0.5, 1.0], 8), rng.choice([0.0, 0.25], 5)
    np.testing.assert_allclose(fidelity_covariances(left, right), matern((left[:, None] - right) ** 2))


def test_the_kernel_is_the_sum_of_its_two_terms():
    rng = np.random.default_rng(0)
    left, right = rng.random((4, 3)), rng.random((5, 3))
    kernel = Kernel(np.array([2.0, 0.5, 1.5]), variance=1.7, offset_variance=0.6, noise=0.1)
    squares = (((left[:, None] - right) * [2.0, 0.5, 1.5]) ** 2).sum(axis=-1)
    expected = 1.7 * matern(squares) + 0.6 * matern((left[:, -1:] - right[:, -1]) ** 2)
    np.testing.assert_allclose(kernel(left, right), expected)
    np.testing.assert_allclose(np.diag(kernel(left, left)), kernel.prior_variance)


def test_noise_falls_from_the_smallest_budget_to_the_full_one():
    kernel = Kernel(np.ones(1), 1.0, 1.0, noise=0.1, noise_slope=float(np.log(9.0)))
    assert kernel.noise_at(np.array([[0.0], [0.5], [1.0]])) == pytest.approx([0.9, 0.3, 0.1])


def test_the_covariances_of_pairs_are_those_of_all_with_all():
    rng = np.random.default_rng(0)
    left, right = rng.random((6, 3)), rng.random((6, 3))
    kernel = Kernel(np.array([2.0, 0.5, 1.5]), variance=1.7, offset_variance=0.6, noise=0.1)
    np.testing.assert_allclose(kernel.of_pairs(left, right), np.diag(kernel(left, right)), rtol=1e-12)
