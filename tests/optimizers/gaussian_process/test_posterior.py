from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpbandster_ng.optimizers.gaussian_process.fitting import JITTER
from hpbandster_ng.optimizers.gaussian_process.kernel import Kernel
from hpbandster_ng.optimizers.gaussian_process.outlook import Outlook
from hpbandster_ng.optimizers.gaussian_process.posterior import SMALLEST_VARIANCE, Posterior

DIMENSIONS = 3


def kernel_of(rng, noise=None):
    return Kernel(
        inverse_scales=np.exp(rng.normal(size=DIMENSIONS)),
        variance=float(np.exp(0.5 * rng.normal())),
        offset_variance=float(np.exp(0.5 * rng.normal())),
        noise=float(np.exp(rng.uniform(-8, 0))) if noise is None else noise,
        noise_slope=float(rng.uniform(0, 3)),
    )


def points(rng, n):
    return np.column_stack([rng.random((n, DIMENSIONS - 1)), rng.choice([0.0, 0.5, 1.0], n)])


def textbook(kernel, features, targets, at):
    """Means and variances by explicit inverses: Rasmussen & Williams, equations 2.25 and 2.26."""
    inverse = np.linalg.inv(kernel(features, features) + np.diag(kernel.noise_at(features) + JITTER))
    cross = kernel(at, features)
    return cross @ inverse @ targets, np.diag(kernel(at, at) - cross @ inverse @ cross.T)


SEEDS = st.integers(0, 2**32 - 1)
SOME = settings(max_examples=40, deadline=None)


@SOME
@given(SEEDS, st.integers(1, 30))
def test_equals_the_textbook(seed, n):
    rng = np.random.default_rng(seed)
    kernel, features, targets, at = kernel_of(rng), points(rng, n), rng.normal(size=n), points(rng, 7)
    posterior = Posterior.of(kernel, features, targets)
    means, variances = textbook(kernel, features, targets, at)
    seen = posterior.at(at)
    np.testing.assert_allclose(seen.means, means, atol=1e-8)
    np.testing.assert_allclose(posterior.means(at), means, atol=1e-8)
    np.testing.assert_allclose(seen.variances, np.maximum(variances, SMALLEST_VARIANCE), atol=1e-8)


@SOME
@given(SEEDS, st.integers(1, 20), st.integers(1, 8))
def test_pending_evaluations_count_as_if_they_had_ended_as_predicted(seed, n, num_pending):
    rng = np.random.default_rng(seed)
    kernel, features, targets = kernel_of(rng), points(rng, n), rng.normal(size=n)
    pending, at = points(rng, num_pending), points(rng, 7)
    posterior = Posterior.of(kernel, features, targets)
    seen = posterior.with_pending(pending).at(at)
    told = np.concatenate([targets, posterior.means(pending)])
    conditioned = Posterior.of(kernel, np.concatenate([features, pending]), told).at(at)
    np.testing.assert_allclose(seen.means, posterior.means(at), atol=1e-8)
    np.testing.assert_allclose(conditioned.means, posterior.means(at), atol=1e-7)
    np.testing.assert_allclose(seen.variances, conditioned.variances, atol=1e-8)
    assert (seen.variances <= posterior.at(at).variances + 1e-12).all()


@SOME
@given(SEEDS, st.integers(1, 4), st.integers(1, 4))
def test_pending_evaluations_may_be_told_in_parts(seed, first, second):
    rng = np.random.default_rng(seed)
    kernel, features, at = kernel_of(rng), points(rng, 10), points(rng, 5)
    posterior = Posterior.of(kernel, features, rng.normal(size=10))
    one, other = points(rng, first), points(rng, second)
    parts = posterior.with_pending(one).with_pending(other).at(at)
    whole = posterior.with_pending(np.concatenate([one, other])).at(at)
    np.testing.assert_allclose(parts.variances, whole.variances, atol=1e-9)
    np.testing.assert_allclose(parts.means, whole.means, atol=1e-9)


def test_nothing_pending_changes_nothing():
    rng = np.random.default_rng(0)
    posterior = Posterior.of(kernel_of(rng), points(rng, 4), rng.normal(size=4))
    assert posterior.with_pending(np.empty((0, DIMENSIONS))) is posterior


def test_the_same_point_again_and_again_is_survived():
    rng = np.random.default_rng(0)
    kernel, point = kernel_of(rng, noise=1e-6), points(rng, 1)
    posterior = Posterior.of(kernel, np.repeat(point, 200, axis=0), rng.normal(size=200))
    seen = posterior.with_pending(np.repeat(point, 50, axis=0)).at(point)
    assert np.isfinite(seen.means).all()
    assert SMALLEST_VARIANCE <= seen.variances[0] < 1e-7


class TestOutlook:
    @SOME
    @given(SEEDS, st.integers(1, 12), st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=12))
    def test_equals_the_posterior_with_what_is_pending_whatever_comes_first(self, seed, n, moves):
        rng = np.random.default_rng(seed)
        posterior = Posterior.of(kernel_of(rng), points(rng, n), rng.normal(size=n))
        outlook = Outlook(posterior)
        known, pending = points(rng, 0), points(rng, 0)
        for is_new, size in moves:
            some = points(rng, size)
            if is_new:
                outlook.add(some)
                known = np.concatenate([known, some])
            else:
                for evaluation in some:
                    outlook.expect(evaluation)
                pending = np.concatenate([pending, some])
            expected = posterior.with_pending(pending).at(known)
            np.testing.assert_array_equal(outlook.features, known)
            np.testing.assert_allclose(outlook.means, expected.means, atol=1e-9)
            np.testing.assert_allclose(outlook.variances, expected.variances, atol=1e-8)

    @pytest.mark.parametrize("noise", [1e-6, 1e-3, 1.0])
    def test_points_that_are_evaluated_themselves(self, noise):
        """Also the same one twice: little is left to learn there, and no rounding takes a variance below zero."""
        rng = np.random.default_rng(1)
        posterior = Posterior.of(kernel_of(rng, noise), points(rng, 20), rng.normal(size=20))
        outlook, some = Outlook(posterior), points(rng, 5)
        outlook.add(some)
        for evaluation in np.concatenate([some, some, some]):
            outlook.expect(evaluation)
        expected = posterior.with_pending(np.concatenate([some, some, some])).at(some)
        np.testing.assert_allclose(outlook.variances, expected.variances, rtol=1e-3)
        assert (outlook.variances >= SMALLEST_VARIANCE).all()

    @SOME
    @given(SEEDS, st.integers(1, 12), st.integers(0, 6))
    def test_knows_the_covariances_of_its_points(self, seed, n, num_pending):
        rng = np.random.default_rng(seed)
        kernel, features, pending, at = kernel_of(rng), points(rng, n), points(rng, num_pending), points(rng, 8)
        outlook = Outlook(Posterior.of(kernel, features, np.zeros(n)))
        outlook.add(at[:3])
        for evaluation in pending:
            outlook.expect(evaluation)
        outlook.add(at[3:])
        rows = np.concatenate([features, pending])
        inverse = np.linalg.inv(kernel(rows, rows) + np.diag(kernel.noise_at(rows) + JITTER))
        expected = kernel(at, at) - kernel(at, rows) @ inverse @ kernel(rows, at)
        left, right = rng.integers(8, size=20), rng.integers(8, size=20)
        np.testing.assert_allclose(outlook.covariances(left, right), expected[left, right], atol=1e-8)

    def test_means_never_change(self):
        rng = np.random.default_rng(2)
        posterior = Posterior.of(kernel_of(rng), points(rng, 20), rng.normal(size=20))
        outlook = Outlook(posterior)
        outlook.add(points(rng, 30))
        before = outlook.means.copy()
        for evaluation in points(rng, 10):
            outlook.expect(evaluation)
        np.testing.assert_array_equal(outlook.means, before)

    def test_what_is_pending_already_counts_too(self):
        rng = np.random.default_rng(3)
        posterior = Posterior.of(kernel_of(rng), points(rng, 8), rng.normal(size=8))
        pending, more, at = points(rng, 4), points(rng, 3), points(rng, 6)
        outlook = Outlook(posterior.with_pending(pending))
        outlook.add(at)
        for evaluation in more:
            outlook.expect(evaluation)
        expected = posterior.with_pending(np.concatenate([pending, more])).at(at)
        np.testing.assert_allclose(outlook.variances, expected.variances, atol=1e-8)
