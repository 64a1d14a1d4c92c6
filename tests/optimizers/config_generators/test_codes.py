"""Many codes at once: drawn, changed and checked, on every kind of space."""

from __future__ import annotations

import math

import ConfigSpace as CS
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpbandster_ng.errors import InvalidArgumentError, SearchSpaceError
from hpbandster_ng.optimizers.config_generators.search_space import Kind, SearchSpace
from tests.optimizers.config_generators.spaces import IS_NEW, everything, pairs_of_spaces, space_of

SPACE = SearchSpace(everything())
UNCONDITIONAL = SearchSpace(
    space_of(
        CS.UniformFloatHyperparameter("f", 1e-3, 10, log=True),
        CS.UniformIntegerHyperparameter("i", 1, 5),
        CS.UniformIntegerHyperparameter("l", 1, 1000, log=True),
        CS.CategoricalHyperparameter("c", ["a", "b", "c"]),
        CS.OrdinalHyperparameter("o", ["s", "m", "l"]),
    )
)


def rng(seed=0):
    return np.random.default_rng(seed)


def unconditional_codes(space, seed, n):
    """As if everything were active; half of the numbers at a bound, where rules are decided."""
    codes = rng(seed).random((n, space.dimensions))
    codes = np.where(rng(seed + 1).random(codes.shape) < 0.5, np.rint(codes), codes)
    for j, (kind, k) in enumerate(zip(space.kinds, space.num_values.tolist(), strict=True)):
        if kind in (Kind.CATEGORICAL, Kind.ORDINAL):
            codes[:, j] = rng(seed + 2 + j).integers(k, size=n)
    return codes


class TestRules:
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(spaces=pairs_of_spaces(), seed=st.integers(0, 1000))
    def test_are_those_of_configspace_row_by_row(self, spaces, seed):
        space, free = map(SearchSpace, spaces)
        configs = [free.decode(code, rng()) for code in unconditional_codes(free, seed, 30)]
        codes = np.array([free.encode(config) for config in configs])
        np.testing.assert_array_equal(free.encode_many(configs), codes)
        assert free.are_valid(codes).all()
        allowed = [space.decode(code, rng()) is not None for code in codes]
        assert space.are_valid(codes).tolist() == allowed

    def test_an_entry_too_many_and_one_too_few_are_not_valid(self):
        codes = SPACE.sample_codes(rng(), 50)
        for j in range(SPACE.dimensions):
            changed = codes.copy()
            changed[:, j] = np.where(np.isnan(codes[:, j]), 0.0, math.nan)
            assert not SPACE.are_valid(changed).any()

    def test_those_of_an_unknown_type_are_refused(self):
        class Sometimes(CS.EqualsCondition):
            pass

        a, b = CS.CategoricalHyperparameter("a", [1, 2]), CS.UniformFloatHyperparameter("b", 0, 1)
        with pytest.raises(SearchSpaceError, match="unsupported type Sometimes"):
            SearchSpace(space_of(a, b, Sometimes(b, a, 1)))


class TestSampleCodes:
    @settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
    @given(spaces=pairs_of_spaces(), seed=st.integers(0, 1000))
    def test_are_valid_and_on_the_grid(self, spaces, seed):
        space = SearchSpace(spaces[0])
        try:
            codes = space.sample_codes(rng(seed), 20)
        except SearchSpaceError:
            return  # all but a few points are forbidden
        assert codes.shape == (20, space.dimensions)
        assert space.are_valid(codes).all()
        assert_on_grid(space, codes)

    def test_follow_the_generator_and_leave_the_callers_space_alone(self):
        original, untouched = everything(), everything()
        space = SearchSpace(original)
        draws = [space.sample_codes(rng(seed), 5).tobytes() for seed in (1, 1, 2)]
        assert draws[0] == draws[1] != draws[2]
        assert dict(original.sample_configuration()) == dict(untouched.sample_configuration())

    def test_come_from_the_priors(self):
        drawn = SPACE.sample_codes(rng(1), 4000)
        reference = SPACE.encode_many(SPACE.sample_many(rng(2), 4000))
        assert np.abs(np.isnan(drawn).mean(axis=0) - np.isnan(reference).mean(axis=0)).max() < 0.05
        for j in range(SPACE.dimensions):
            mine, theirs = (codes[~np.isnan(codes[:, j]), j] for codes in (drawn, reference))
            error = math.sqrt(mine.var() / len(mine) + theirs.var() / len(theirs))
            assert abs(mine.mean() - theirs.mean()) < 4 * error

    def test_of_a_space_that_is_forbidden_almost_everywhere(self):
        x, y = CS.UniformFloatHyperparameter("x", 0, 1), CS.UniformFloatHyperparameter("y", 0, 1)
        clauses = [CS.ForbiddenLessThanRelation(x, y), CS.ForbiddenGreaterThanRelation(x, y)]
        with pytest.raises(SearchSpaceError, match="check the forbidden clauses"):
            SearchSpace(space_of(x, y, *clauses)).sample_codes(rng(), 1)

    def test_of_a_space_without_columns_and_of_no_configuration(self):
        assert SearchSpace(space_of(CS.Constant("c", 1))).sample_codes(rng(), 3).shape == (3, 0)
        assert SPACE.sample_codes(rng(), 0).shape == (0, SPACE.dimensions)

    @pytest.mark.skipif(IS_NEW, reason="ConfigSpace 1.x has no quantised and no unbounded hyperparameters")
    def test_quantised_and_unbounded(self):
        space = SearchSpace(
            space_of(
                CS.UniformFloatHyperparameter("q", 0, 1, q=0.25),
                CS.NormalFloatHyperparameter("n", mu=5, sigma=2),
                CS.NormalIntegerHyperparameter("i", mu=5, sigma=2),
            )
        )
        codes = space.sample_codes(rng(), 200)
        assert set(codes[:, space.column_names.index("q")]) == {0, 0.25, 0.5, 0.75, 1}
        assert_on_grid(space, codes)
        children = space.mutate_codes(rng(), codes)
        assert len(children) == 200
        assert_on_grid(space, children)


class TestMutateCodes:
    @settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
    @given(spaces=pairs_of_spaces(), seed=st.integers(0, 1000), sigma=st.sampled_from([1e-6, 0.1, 3.0]))
    def test_children_are_valid_new_and_on_the_grid(self, spaces, seed, sigma):
        space = SearchSpace(spaces[0])
        parent = space.default_code()
        children = space.mutate_codes(rng(seed), np.tile(parent, (20, 1)), sigma)
        assert space.are_valid(children).all()
        assert not (children == parent).all(axis=1).any()
        assert_on_grid(space, children)
        if not spaces[0].forbidden_clauses and not np.isnan(parent).all():
            assert len(children) == 20

    def test_one_entry_changes_where_chance_changes_none(self):
        parents = UNCONDITIONAL.sample_codes(rng(), 200)
        children = UNCONDITIONAL.mutate_codes(rng(1), parents, probability=0.0)
        changes = children != parents
        assert (changes.sum(axis=1) == 1).all()
        assert (changes.sum(axis=0) > 10).all()

    def test_each_entry_changes_with_its_probability(self):
        parents = UNCONDITIONAL.sample_codes(rng(), 2000)
        shares = (UNCONDITIONAL.mutate_codes(rng(1), parents, probability=0.6) != parents).mean(axis=0)
        assert np.abs(shares - 0.6).max() < 0.05

    def test_numbers_step_integers_at_least_by_one_ordinals_by_one_and_categories_anywhere(self):
        parents = UNCONDITIONAL.sample_codes(rng(), 1000)
        children = UNCONDITIONAL.mutate_codes(rng(1), parents, sigma=1e-4, probability=1.0)
        names = UNCONDITIONAL.column_names
        f, i, o, c = (names.index(name) for name in ("f", "i", "o", "c"))
        steps = children - parents
        assert 0.9e-4 < steps[:, f].std() < 1.1e-4
        assert (np.abs(steps[:, i]) == 0.25).all()
        assert (np.abs(steps[:, o]) == 1).all()
        assert set(steps[:, c]) == {-2, -1, 1, 2}
        assert children[:, [f, i]].min() >= 0
        assert children[:, [f, i]].max() <= 1

    def test_numbers_stop_at_their_bounds_and_step_inwards_from_there(self):
        space = SearchSpace(space_of(CS.UniformFloatHyperparameter("x", 0, 1)))
        from_inside = space.mutate_codes(rng(), np.full((200, 1), 0.95))
        assert 40 < (from_inside == 1.0).sum() < 80  # a normal step beyond half its deviation: 31 %
        from_bound = space.mutate_codes(rng(), np.ones((200, 1)))
        assert len(from_bound) == 200
        assert (from_bound < 1.0).all()

    def test_sigma_may_differ_by_column(self):
        sigma = np.full(UNCONDITIONAL.dimensions, 0.1)
        f = UNCONDITIONAL.column_names.index("f")
        sigma[f] = 1e-6
        parents = UNCONDITIONAL.sample_codes(rng(), 100)
        steps = UNCONDITIONAL.mutate_codes(rng(), parents, sigma, probability=1.0) - parents
        assert np.abs(steps[:, f]).max() < 1e-5

    def test_children_that_stay_forbidden_are_dropped(self):
        only = CS.CategoricalHyperparameter("c", ["a", "b"], default_value="a")
        space = SearchSpace(space_of(only, CS.ForbiddenEqualsClause(only, "b")))
        assert space.mutate_codes(rng(), np.array([[0.0], [0.0]])).shape == (0, 1)

    @pytest.mark.parametrize("sigma", [0, -0.1, math.nan, math.inf])
    def test_refuses_a_sigma_that_is_no_width(self, sigma):
        with pytest.raises(InvalidArgumentError, match="must be positive"):
            UNCONDITIONAL.mutate_codes(rng(), UNCONDITIONAL.sample_codes(rng(), 1), sigma)


class TestKeys:
    def test_are_equal_after_decoding_and_encoding_and_else_differ(self):
        codes = SPACE.sample_codes(rng(), 300)
        again = np.array([SPACE.encode(SPACE.decode(code, rng())) for code in codes])
        assert SPACE.keys(again) == SPACE.keys(codes)
        assert len(set(SPACE.keys(codes))) == 300

    def test_of_the_default(self):
        code = SPACE.default_code()
        config = dict(SPACE.configspace.get_default_configuration())
        assert SPACE.keys([SPACE.encode(config)]) == SPACE.keys(code[None])
        assert SPACE.are_valid(code[None]).all()


def assert_on_grid(space, codes):
    again = np.array([space.encode(space.decode(code, rng())) for code in codes]).reshape(codes.shape)
    for j, kind in enumerate(space.kinds):
        tolerance = 1e-9 if kind is Kind.NUMBER else 0
        np.testing.assert_allclose(again[:, j], codes[:, j], rtol=0, atol=tolerance)


def test_draws_follow_the_priors_or_ignore_them():
    space = SearchSpace(space_of(CS.NormalFloatHyperparameter("narrow", mu=0.2, sigma=0.01, lower=0.0, upper=1.0)))
    assert space.has_priors
    rng = np.random.default_rng(0)
    assert np.ptp(space.sample_codes(rng, 500)) < 0.1
    assert np.ptp(space.sample_codes(rng, 500, uniform=True)) > 0.9


def test_flat_hyperparameters_are_no_priors():
    assert not UNCONDITIONAL.has_priors
