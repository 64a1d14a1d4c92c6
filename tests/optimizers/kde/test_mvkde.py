from __future__ import annotations

import itertools

import ConfigSpace
import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from statsmodels.nonparametric.kernel_density import KDEMultivariate

from hpbandster_ng.errors import InvalidArgumentError, SearchSpaceError
from hpbandster_ng.optimizers.config_generators.search_space import SearchSpace
from hpbandster_ng.optimizers.kde.bandwidths import normal_reference
from hpbandster_ng.optimizers.kde.mvkde import MultivariateKDE

# statsmodels 0.15 announces a change of its default random generator, which these tests do not use.
pytestmark = pytest.mark.filterwarnings("ignore:After 0.17:FutureWarning")


def space_of(**hyperparameters) -> ConfigSpace.ConfigurationSpace:
    return ConfigSpace.ConfigurationSpace(hyperparameters)


def mixed_space() -> ConfigSpace.ConfigurationSpace:
    space = ConfigSpace.ConfigurationSpace()
    for hyperparameter in (
        ConfigSpace.UniformFloatHyperparameter("a_float", 0, 1),
        ConfigSpace.UniformIntegerHyperparameter("b_integer", 1, 4),
        ConfigSpace.CategoricalHyperparameter("c_category", ["x", "y", "z"]),
        ConfigSpace.OrdinalHyperparameter("d_ordinal", ["low", "mid", "high"]),
        ConfigSpace.Constant("e_constant", 7),
    ):
        add(space, hyperparameter)
    return space


def conditional_space() -> ConfigSpace.ConfigurationSpace:
    space = ConfigSpace.ConfigurationSpace()
    kind = ConfigSpace.CategoricalHyperparameter("kind", ["plain", "deep"])
    depth = ConfigSpace.UniformIntegerHyperparameter("z_depth", 1, 5)
    rate = ConfigSpace.UniformFloatHyperparameter("z_rate", 0, 1)
    for hyperparameter in (kind, depth, rate):
        add(space, hyperparameter)
    for child in (depth, rate):
        condition = ConfigSpace.EqualsCondition(child, kind, "deep")
        (space.add if hasattr(space, "add") else space.add_condition)(condition)
    return space


def add(space: ConfigSpace.ConfigurationSpace, hyperparameter: object) -> None:
    (space.add if hasattr(space, "add") else space.add_hyperparameter)(hyperparameter)


def codes(space: ConfigSpace.ConfigurationSpace, n: int, seed: int = 0) -> np.ndarray:
    search_space, rng = SearchSpace(space), np.random.default_rng(seed)
    return np.array([search_space.encode(search_space.sample(rng)) for _ in range(n)])


def statsmodels_of(data: np.ndarray, types: str, bandwidths) -> KDEMultivariate:
    return KDEMultivariate(data, types, bw=np.asarray(bandwidths))


CLUSTERS = np.concatenate(
    [np.random.default_rng(0).normal([0.3, 0.7], [0.03, 0.1], (40, 2)), np.random.default_rng(1).random((10, 2))]
)


def test_product_density_equals_statsmodels():
    data, x = CLUSTERS, np.random.default_rng(2).random((20, 2))
    kde = MultivariateKDE(space_of(x=(0.0, 1.0), y=(0.0, 1.0)), fix_boundary=False)
    kde.fit(data)
    oracle = KDEMultivariate(data, "cc", bw="normal_reference")
    np.testing.assert_allclose(kde.bandwidths, oracle.bw, rtol=1e-12)
    np.testing.assert_allclose(kde.pdf(x), oracle.pdf(x), rtol=1e-10)


def test_mixed_product_density_equals_statsmodels():
    space = space_of(x=(0.0, 1.0), c=["u", "v", "w"])
    data = codes(space, 30)
    column = SearchSpace(space).column_names
    types = "".join("u" if name == "c" else "c" for name in column)
    kde = MultivariateKDE(space, fix_boundary=False)
    kde.fit(data)
    kde.set_bandwidths([0.2, 0.3])
    x = codes(space, 10, seed=3)
    np.testing.assert_allclose(kde.pdf(x), statsmodels_of(data, types, [0.2, 0.3]).pdf(x), rtol=1e-10)
    oracle = statsmodels_of(data, types, [0.2, 0.3]).loo_likelihood(np.array([0.2, 0.3]), func=np.log)
    assert kde.loo_negloglikelihood() == pytest.approx(oracle + len(data) * np.log(len(data) - 1), rel=1e-9)


def test_independent_dimensions_multiply_one_dimensional_densities():
    kde = MultivariateKDE(space_of(x=(0.0, 1.0), y=(0.0, 1.0)), fully_dimensional=False)
    kde.fit(CLUSTERS.clip(0, 1))
    x = np.random.default_rng(2).random((20, 2))
    expected = np.ones(20)
    for j in range(2):
        one = MultivariateKDE(space_of(x=(0.0, 1.0)))
        one.fit(CLUSTERS[:, [j]].clip(0, 1))
        np.testing.assert_allclose(one.bandwidths, kde.bandwidths[j])
        expected *= one.pdf(x[:, [j]])
    np.testing.assert_allclose(kde.pdf(x), expected)


@pytest.mark.parametrize("fully_dimensional", [True, False])
@pytest.mark.parametrize("bw_estimator", ["scott", "mlcv"])
def test_density_has_mass_one_over_a_mixed_space(fully_dimensional, bw_estimator):
    space = mixed_space()
    kde = MultivariateKDE(space, fully_dimensional)
    kde.fit(codes(space, 12), bw_estimator=bw_estimator)
    middles, integers = (np.arange(400) + 0.5) / 400, np.arange(4) / 3
    grid = np.array(list(itertools.product(middles, integers, range(3), range(3))))
    assert kde.search_space.column_names == ("a_float", "b_integer", "c_category", "d_ordinal")
    assert kde.pdf(grid).sum() / 400 == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("fully_dimensional", [True, False])
def test_density_has_mass_one_over_a_conditional_space(fully_dimensional):
    space = conditional_space()
    kde = MultivariateKDE(space, fully_dimensional=fully_dimensional)
    data = codes(space, 15)
    assert np.isnan(data).any()
    kde.fit(data)
    plain, deep = (
        SearchSpace(space).encode({"kind": "plain"})[0],
        1.0 - SearchSpace(space).encode({"kind": "plain"})[0],
    )
    rates, depths = (np.arange(400) + 0.5) / 400, np.arange(5) / 4
    inactive = kde.pdf([[plain, np.nan, np.nan]]).sum()
    active = kde.pdf(np.array(list(itertools.product([deep], depths, rates)))).sum() / 400
    assert inactive + active == pytest.approx(1.0, abs=1e-3)


def test_boundary_correction_keeps_mass_that_leaks_otherwise():
    data = np.full((10, 1), 0.0)
    masses = []
    for fix_boundary in (True, False):
        kde = MultivariateKDE(space_of(x=(0.0, 1.0)), fix_boundary=fix_boundary)
        kde.fit(data)
        kde.set_bandwidths([0.1])
        masses.append(kde.pdf(((np.arange(1000) + 0.5) / 1000)[:, None]).mean())
    np.testing.assert_allclose(masses, [1.0, 0.5], atol=1e-3)


def test_scott_follows_the_formula():
    kde = MultivariateKDE(space_of(x=(0.0, 1.0), y=(0.0, 1.0)))
    data = np.random.default_rng(0).random((50, 2))
    data[:20, 1] = np.nan
    kde.fit(data)
    expected = [1.06 * data[:, 0].std() * 50 ** (-1 / 6), 1.06 * data[20:, 1].std() * 30 ** (-1 / 6)]
    np.testing.assert_allclose(kde.bandwidths, expected)
    np.testing.assert_allclose(normal_reference(np.array([1.0]), 32, 1), 1.06 / 2)


def test_agreeing_values_get_the_smallest_bandwidth():
    kde = MultivariateKDE(mixed_space(), min_bandwidth=0.01)
    kde.fit(np.tile(codes(mixed_space(), 1), (5, 1)))
    assert (kde.bandwidths >= 0.01).all()
    assert kde.bandwidths[[0, 2]] == pytest.approx(0.01)


def test_mlcv_is_the_maximum_in_one_dimension():
    data = np.random.default_rng(0).normal(0.5, 0.08, (60, 1)).clip(0, 1)
    kde = MultivariateKDE(space_of(x=(0.0, 1.0)))
    kde.fit(data, bw_estimator="mlcv")
    found, at_found = kde.bandwidths[0], kde.loo_negloglikelihood()

    def at(log_bandwidth: float) -> float:
        kde.set_bandwidths([np.exp(log_bandwidth)])
        return kde.loo_negloglikelihood()

    best = minimize_scalar(at, bounds=(np.log(1e-3), 0.0), method="bounded", options={"xatol": 1e-8})
    assert at_found == pytest.approx(best.fun, abs=1e-5)
    assert found == pytest.approx(np.exp(best.x), rel=1e-2)


def test_mlcv_is_as_good_as_statsmodels_cv_ml():
    data = CLUSTERS
    oracle = KDEMultivariate(data, "cc", bw="cv_ml")
    kde = MultivariateKDE(space_of(x=(0.0, 1.0), y=(0.0, 1.0)), fix_boundary=False)
    kde.fit(data, bw_estimator="mlcv")
    np.testing.assert_allclose(kde.bandwidths, oracle.bw, rtol=0.02)
    ours = kde.loo_negloglikelihood()
    kde.set_bandwidths(oracle.bw)
    assert ours <= kde.loo_negloglikelihood() + 1e-4


def test_mlcv_beats_the_rule_on_a_mixed_space_and_is_stationary():
    space = mixed_space()
    data = codes(space, 40)
    data[:30, 0] = 0.2 + 0.01 * data[:30, 0]
    data[:30, 2] = 1
    kde = MultivariateKDE(space)
    kde.fit(data)
    by_rule = kde.loo_negloglikelihood()
    kde.fit(data, bw_estimator="mlcv")
    best, bandwidths = kde.loo_negloglikelihood(), kde.bandwidths
    assert best < by_rule - 5
    for j, factor in itertools.product(range(4), (0.9, 1.1)):
        changed = bandwidths.copy()
        changed[j] = min(changed[j] * factor, kde._kernels[j].bandwidth_range()[1])
        kde.set_bandwidths(changed)
        assert kde.loo_negloglikelihood() >= best - 1e-3


def test_efficient_estimation_comes_near_the_full_one():
    data = np.random.default_rng(0).normal(0.5, 0.1, (500, 1)).clip(0, 1)
    found = []
    for efficient in (True, False):
        kde = MultivariateKDE(space_of(x=(0.0, 1.0)))
        kde.fit(data, bw_estimator="mlcv", efficient_bw_estimation=efficient)
        found.append(kde.bandwidths[0])
    assert found[0] != found[1]
    assert found[0] == pytest.approx(found[1], rel=0.3)


def test_bandwidths_can_be_kept():
    kde = MultivariateKDE(space_of(x=(0.0, 1.0)))
    kde.fit([[0.1], [0.9]])
    kde.set_bandwidths([0.07])
    kde.fit([[0.4], [0.5], [0.6]], update_bandwidth=False)
    np.testing.assert_array_equal(kde.bandwidths, [0.07])


def test_weights_count_like_repetitions():
    x = np.linspace(0, 1, 9)[:, None]
    weighted, repeated = (MultivariateKDE(space_of(x=(0.0, 1.0))) for _ in range(2))
    weighted.fit([[0.2], [0.8]], weights=[3, 1])
    repeated.fit([[0.2], [0.2], [0.2], [0.8]])
    for kde in (weighted, repeated):
        kde.set_bandwidths([0.1])
    np.testing.assert_allclose(weighted.pdf(x), repeated.pdf(x))
    assert (weighted.sample(1000) < 0.5).mean() == pytest.approx(0.75, abs=0.06)


def test_samples_follow_the_density():
    kde = MultivariateKDE(space_of(x=(0.0, 1.0)), rng=np.random.default_rng(0))
    kde.fit([[0.0], [0.05], [0.9]])
    draws = kde.sample(5000)[:, 0]
    edges = np.linspace(0, 1, 11)
    middles = (np.arange(1000) + 0.5) / 1000
    expected = kde.pdf(middles[:, None]).reshape(10, 100).mean(axis=1) / 10
    np.testing.assert_allclose(np.histogram(draws, edges)[0] / 5000, expected, atol=0.02)


def test_product_density_follows_interactions_and_independent_one_does_not():
    data = np.array([[0.1, 0.1], [0.9, 0.9]] * 5)
    for fully_dimensional in (True, False):
        kde = MultivariateKDE(space_of(x=(0.0, 1.0), y=(0.0, 1.0)), fully_dimensional, rng=np.random.default_rng(0))
        kde.fit(data)
        kde.set_bandwidths([0.05, 0.05])
        draws = kde.sample(400) > 0.5
        agree = (draws[:, 0] == draws[:, 1]).mean()
        assert (agree == 1.0) if fully_dimensional else (0.4 < agree < 0.6)


def test_wider_candidates_and_codes_that_decode():
    space = mixed_space()
    kde = MultivariateKDE(space)
    kde.fit(codes(space, 5))
    rng = np.random.default_rng(0)
    for factor in (1.0, 100.0):
        for code in kde.sample_candidates(rng, 50, factor):
            config = kde.search_space.decode(code, rng)
            assert kde.search_space.validate(config) == config
    kde.fit([[0.5, 0.5, 0, 0]])
    assert kde.sample_candidates(rng, 200, 500.0)[:, 0].std() > 10 * kde.sample_candidates(rng, 200)[:, 0].std()


def test_sampling_is_reproducible():
    draws = []
    for _ in range(2):
        kde = MultivariateKDE(mixed_space(), rng=np.random.default_rng(3))
        kde.fit(codes(mixed_space(), 6))
        draws.append(kde.sample(10))
    np.testing.assert_array_equal(*draws)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda kde: kde.fit([[0.1, 0.2]]), r"data=\(1, 2\) must be of shape \(n, 1\)"),
        (lambda kde: kde.fit(np.empty((0, 1))), "data="),
        (lambda kde: kde.fit([[1.5]]), r"must lie in \[0, 1\]"),
        (lambda kde: kde.fit([[0.5]], bw_estimator="best"), "bw_estimator='best' must be 'scott' or 'mlcv'"),
        (lambda kde: kde.fit([[0.5]], weights=[-1]), "weights="),
        (lambda kde: kde.fit([[0.5]], weights=[0]), "weights="),
        (lambda kde: kde.pdf([[0.5]]), "call fit first"),
        (lambda kde: (kde.fit([[0.5]]), kde.loo_negloglikelihood()), "at least two points"),
        (lambda kde: (kde.fit([[0.5]]), kde.set_bandwidths([0.1, 0.1])), "must be 1 numbers"),
    ],
)
def test_bad_input_is_refused_by_name(act, message):
    with pytest.raises(InvalidArgumentError, match=message):
        act(MultivariateKDE(space_of(x=(0.0, 1.0))))


def test_bad_construction_is_refused():
    with pytest.raises(SearchSpaceError):
        MultivariateKDE({"x": (0, 1)})
    with pytest.raises(InvalidArgumentError, match="min_bandwidth=0 "):
        MultivariateKDE(space_of(x=(0.0, 1.0)), min_bandwidth=0)
