"""Against statsmodels, from which the formulas are known."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpbandster_ng.optimizers.config_generators.columns import Kind
from hpbandster_ng.optimizers.config_generators.densities import Layout, ProductKernelDensity, largest_ratio

N, W, C, R = Kind.NUMBER, Kind.INTEGER, Kind.CATEGORICAL, Kind.ORDINAL
TYPES = {N: "c", W: "c", C: "u", R: "o"}


def oracle(data, kinds, bw="normal_reference"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from statsmodels.nonparametric.kernel_density import KDEMultivariate

        return KDEMultivariate(data, "".join(TYPES[kind] for kind in kinds), bw=bw)


def drawn(rng, n, kinds, num_values):
    columns = [rng.random(n) if k == 0 else rng.permutation(np.arange(n) % k) for k in num_values]
    return np.column_stack(columns).astype(float)


@settings(max_examples=40, deadline=None)
@given(
    columns=st.lists(st.sampled_from([(N, 0), (W, 0), (C, 2), (C, 3), (C, 7), (R, 2), (R, 4)]), min_size=1, max_size=5),
    n=st.integers(14, 400),
    seed=st.integers(0, 1000),
)
def test_equals_statsmodels(columns, n, seed):
    kinds, num_values = [kind for kind, _ in columns], np.array([k for _, k in columns])
    rng = np.random.default_rng(seed)
    data, points = drawn(rng, n, kinds, num_values), drawn(rng, 30, kinds, num_values)
    reference = oracle(data, kinds)
    layout = Layout(kinds, num_values)
    density = ProductKernelDensity(data, layout, min_bandwidth=1e-9)
    is_valid = (reference.bw[layout.is_category] <= 1).all()
    allowed = (reference.bw <= layout.largest_bandwidths) | (layout.is_category & is_valid)
    np.testing.assert_allclose(density.bandwidths[allowed], reference.bw[allowed], rtol=1e-10)
    np.testing.assert_array_equal(density.bandwidths[~allowed], layout.largest_bandwidths[~allowed])
    np.testing.assert_allclose(
        np.exp(density.log_pdf(points)), oracle(data, kinds, density.bandwidths).pdf(points), rtol=1e-10
    )


@settings(max_examples=60, deadline=None)
@given(
    columns=st.lists(st.sampled_from([(N, 0), (C, 2), (C, 5), (C, 12)]), min_size=1, max_size=5),
    n=st.integers(14, 200),
    seed=st.integers(0, 1000),
)
def test_the_reference_rule_for_categories_is_that_of_statsmodels_negative_densities_included(columns, n, seed):
    kinds, num_values = [kind for kind, _ in columns], np.array([k for _, k in columns])
    rng = np.random.default_rng(seed)
    data, points = drawn(rng, n, kinds, num_values), drawn(rng, 30, kinds, num_values)
    density = ProductKernelDensity(
        data, Layout(kinds, num_values), min_bandwidth=1e-9, categorical_bandwidth="reference"
    )
    reference = oracle(data, kinds)
    exact = reference.pdf(points)
    np.testing.assert_allclose(density.bandwidths, reference.bw, rtol=1e-10)
    np.testing.assert_allclose(np.exp(density.log_pdf(points)), np.maximum(exact, 1e-32), rtol=1e-10, atol=1e-10)
    assert (density.log_lower_bound(points) <= density.log_pdf(points) + 1e-9).all()


@pytest.mark.parametrize(
    ("rule", "of_8", "kept_3", "kept_8"),
    [
        (None, 0.95, 0.9, 0.95),
        (None, 2.4, 2 / 3, 7 / 8),
        ("capped", 0.95, 2 / 3, 7 / 8),
        ("capped", 2.4, 2 / 3, 7 / 8),
        ("reference", 2.4, 0.9, 2.4),
    ],
)
def test_what_becomes_of_the_bandwidths_of_categories(rule, of_8, kept_3, kept_8, monkeypatch):
    layout = Layout([C, C, C, R, N], np.array([2, 3, 8, 8, 0]))
    monkeypatch.setattr(ProductKernelDensity, "_estimated", lambda *_: np.array([0.4, 0.9, of_8, 2.4, 2.4]))
    density = ProductKernelDensity(np.zeros((3, 5)), layout, categorical_bandwidth=rule)
    np.testing.assert_allclose(density.bandwidths, [0.4, kept_3, kept_8, 1 - 1e-6, 2.4])


@pytest.mark.parametrize("rule", [None, "capped"])
def test_densities_of_categories_are_positive_and_sum_to_one(rule):
    data = np.random.default_rng(0).integers(8, size=(9, 1)).astype(float)
    density = ProductKernelDensity(data, Layout([C], np.array([8])), categorical_bandwidth=rule)
    assert np.exp(density.log_pdf(np.arange(8.0)[:, None])).sum() == pytest.approx(1)


def test_a_kernel_of_bandwidth_one_gives_nothing_to_its_own_value():
    density = ProductKernelDensity(np.array([[0.0]]), Layout([C], np.array([3])), bandwidths=np.array([1.0]))
    np.testing.assert_allclose(np.exp(density.log_pdf(np.arange(3.0)[:, None])), [0, 0.5, 0.5], atol=1e-99)


def test_equals_statsmodels_in_twenty_dimensions_of_narrow_kernels():
    rng = np.random.default_rng(0)
    data = 0.9 + 0.001 * rng.random((1000, 20))
    points = 0.9 + 0.001 * rng.random((10, 20))
    density = ProductKernelDensity(data, Layout([N] * 20, np.zeros(20, dtype=int)), min_bandwidth=1e-9)
    reference = oracle(data, [N] * 20)
    np.testing.assert_allclose(density.bandwidths, reference.bw, rtol=1e-10)
    np.testing.assert_allclose(density.log_pdf(points), np.log(reference.pdf(points)), rtol=1e-10)


@pytest.mark.parametrize("estimation", ["cv_ml", "cv_ls"])
def test_cross_validation_is_that_of_statsmodels(estimation):
    rng = np.random.default_rng(0)
    data = np.column_stack([rng.random(12), np.full(12, 0.5), np.arange(12) % 2])
    density = ProductKernelDensity(data, Layout([N, N, C], np.array([0, 0, 2])), estimation=estimation)
    reference = np.minimum(np.maximum(oracle(data[:, [0, 2]], [N, C], estimation).bw, 1e-3), [math.inf, 0.5])
    np.testing.assert_allclose(density.bandwidths[[0, 2]], reference)
    assert density.bandwidths[1] == 1e-3  # nothing to learn from a constant column


def test_cross_validation_warns_of_nothing_and_leaves_the_global_generator_alone():
    before = np.random.get_state()[1].copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = np.random.default_rng(0).random((12, 1))
        ProductKernelDensity(data, Layout([N], np.array([0])), estimation="cv_ml")
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("bandwidth", [1e-3, 0.02, 0.3])
def test_single_precision_exponentials_are_near_however_narrow_the_kernels(bandwidth):
    rng = np.random.default_rng(0)
    data, points = rng.random((1000, 20)), rng.random((64, 20))
    layout, widths = Layout([N] * 20, np.zeros(20, dtype=int)), np.full(20, bandwidth)
    exact = ProductKernelDensity(data, layout, widths)
    single = ProductKernelDensity(data, layout, widths, exponentials=np.float32)
    np.testing.assert_allclose(single.log_pdf(points), exact.log_pdf(points), rtol=1e-12, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "k", "values"),
    [(C, 1, [0]), (C, 2, [1]), (C, 5, [3]), (C, 5, [0, 4]), (C, 40, range(40)), (R, 3, [2]), (R, 50, [0, 9])],
)  # fmt: skip
def test_discrete_densities_are_probabilities(kind, k, values):
    data = np.array([values[i % len(values)] for i in range(9)], dtype=float)[:, None]
    density = ProductKernelDensity(data, Layout([kind], np.array([k])))
    pdf = np.exp(density.log_pdf(np.arange(k, dtype=float)[:, None]))
    assert np.isfinite(pdf).all()
    assert (pdf > 0).all() or k == 1
    assert pdf.sum() <= 1 + 1e-9
    if kind is C and k > 1:
        assert pdf.sum() == pytest.approx(1)
        assert pdf[int(data[0, 0])] >= pdf.min()


def test_far_points_are_still_ordered():
    density = ProductKernelDensity(np.full((4, 1), 0.5), Layout([N], np.array([0])))
    logs = density.log_pdf(np.array([[0.5], [0.6], [0.8], [0.0]]))
    assert np.isfinite(logs).all()
    assert (np.diff(logs) < 0).all()
    assert logs[2] == pytest.approx(-0.5 * 300**2 - math.log(1e-3 * math.sqrt(2 * math.pi)))


def test_bound_is_below():
    rng = np.random.default_rng(0)
    density = ProductKernelDensity(rng.random((500, 4)), Layout([N] * 4, np.zeros(4, dtype=int)))
    points = rng.random((50, 4))
    assert (density.log_lower_bound(points) < density.log_pdf(points)).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(3, 300), d=st.integers(1, 8))
def test_largest_ratio_is_that_of_all_pairs(seed, n, d):
    rng = np.random.default_rng(seed)
    layout = Layout([N] * d, np.zeros(d, dtype=int))
    good = ProductKernelDensity(0.3 + 0.2 * rng.random((n, d)), layout)
    bad = ProductKernelDensity(rng.random((4 * n, d)), layout)
    points = good.sample_candidates(rng, 64, 3)
    ratios = np.maximum(good.log_pdf(points) - bad.log_pdf(points), math.log(1e-32))
    assert largest_ratio(good, bad, points) == ratios.argmax()


def test_of_hopeless_points_the_first_wins():
    layout = Layout([N], np.array([0]))
    good = ProductKernelDensity(np.array([[0.0]]), layout, np.array([0.01]))
    bad = ProductKernelDensity(np.array([[1.0]]), layout, np.array([0.01]))
    assert largest_ratio(good, bad, np.array([[0.99], [0.8], [1.0]])) == 0


class TestCandidates:
    def test_numbers_stay_in_the_unit_interval_and_widen_with_the_factor(self):
        data = np.array([[0.0], [0.5], [1.0]])
        density = ProductKernelDensity(data, Layout([N], np.array([0])), np.array([0.05]))
        rng = np.random.default_rng(0)
        narrow, wide = (density.sample_candidates(rng, 2000, factor) for factor in (1, 3))
        for points, width in ((narrow, 0.05), (wide, 0.15)):
            assert points.min() >= 0
            assert points.max() <= 1
            around = points[np.abs(points - 0.5) < 0.25]
            assert around.std() == pytest.approx(width, rel=0.25)

    def test_a_category_is_kept_with_one_minus_the_bandwidth_else_uniform(self):
        density = ProductKernelDensity(np.full((3, 1), 2.0), Layout([C], np.array([4])), np.array([0.4]))
        points = density.sample_candidates(np.random.default_rng(0), 20_000)
        shares = np.bincount(points[:, 0].astype(int), minlength=4) / len(points)
        np.testing.assert_allclose(shares, [0.1, 0.1, 0.7, 0.1], atol=0.015)

    def test_an_ordinal_moves_to_its_neighbours_first(self):
        density = ProductKernelDensity(np.full((3, 1), 1.0), Layout([R], np.array([5])), np.array([0.5]))
        points = density.sample_candidates(np.random.default_rng(0), 5_000)
        counts = np.bincount(points[:, 0].astype(int), minlength=5)
        assert counts[1] > counts[0] > counts[3] > counts[4]
        assert counts[1] > counts[2] > counts[3]


@pytest.mark.parametrize("estimation", ["cv_ml", "cv_ls"])
def test_cross_validation_copes_with_a_category_seen_once(estimation):
    rng = np.random.default_rng(0)
    data = np.column_stack([rng.random(8), [0, 0, 0, 0, 0, 0, 0, 1]])
    layout = Layout([Kind.NUMBER, Kind.CATEGORICAL], np.array([0, 2]))
    reference = ProductKernelDensity(data, layout).bandwidths
    found = ProductKernelDensity(data, layout, estimation=estimation).bandwidths
    assert found[1] == reference[1]
    assert found[0] != reference[0]
