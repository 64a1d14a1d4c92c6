"""BOHB's model, used as other tools use it: stand-alone, with any job-like object."""

from __future__ import annotations

import math
from types import SimpleNamespace

import ConfigSpace as CS
import numpy as np
import pytest

from hpbandster_ng.errors import InvalidArgumentError, SearchSpaceError
from hpbandster_ng.optimizers.config_generators.bohb import BOHB
from hpbandster_ng.optimizers.config_generators.search_space import SearchSpace

IS_NEW = hasattr(CS.ConfigurationSpace, "add")


def space_of(*parts):
    space = CS.ConfigurationSpace(seed=0)
    for part in parts:
        if IS_NEW:
            space.add(part)
        elif isinstance(part, CS.hyperparameters.Hyperparameter):
            space.add_hyperparameter(part)
        elif hasattr(part, "is_forbidden_vector"):
            space.add_forbidden_clause(part)
        else:
            space.add_condition(part)
    return space


def number(name="x"):
    return CS.UniformFloatHyperparameter(name, 0.0, 1.0)


def job(config, loss, budget=1.0):
    result = None if loss is None else {"loss": loss, "info": None}
    return SimpleNamespace(kwargs={"config": config, "budget": budget}, result=result, exception=None)


def generator(space, seed=0, **kwargs):
    sampler = BOHB(space, **({"random_fraction": 0} | kwargs))
    sampler.seed(seed)
    return sampler


def fed(sampler, n, loss=lambda config: config["x"], budget=1.0, seed=0):
    for config in SearchSpace(sampler.configspace).sample_many(np.random.default_rng(seed), n):
        sampler.new_result(job(config, loss(config), budget))
    return sampler


class TestArguments:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("min_points_in_model", 0), ("min_points_in_model", 2.5), ("num_samples", 0), ("num_samples", True),
            ("top_n_percent", 101), ("top_n_percent", -1), ("random_fraction", 1.5), ("random_fraction", math.nan),
            ("bandwidth_factor", 0), ("min_bandwidth", 0), ("min_bandwidth", "small"),
            ("bandwidth_estimation", "silverman"),
            ("categorical_bandwidth", "uncapped"),
            ("categorical_bandwidth", True),
        ],
    )  # fmt: skip
    def test_out_of_range(self, name, value):
        with pytest.raises(InvalidArgumentError, match=f"^{name}="):
            BOHB(space_of(number()), **{name: value})

    def test_space(self):
        with pytest.raises(SearchSpaceError):
            BOHB(CS.ConfigurationSpace())

    def test_positional_order_of_the_predecessor(self):
        sampler = BOHB(space_of(number()), 7, 20, 32, 0.5, 2, 0.01, logger="mine")
        assert (sampler.min_points_in_model, sampler.top_n_percent, sampler.num_samples) == (7, 20, 32)
        assert (sampler.random_fraction, sampler.bandwidth_factor, sampler.min_bandwidth) == (0.5, 2, 0.01)
        assert sampler.logger == "mine"

    def test_min_points_is_at_least_one_more_than_what_varies(self):
        space = space_of(number("x"), number("y"), CS.Constant("c", 1))
        assert [BOHB(space, n).min_points_in_model for n in (None, 1, 3, 9)] == [3, 3, 3, 9]


class TestWhichModel:
    def test_needs_two_times_d_plus_one_results_on_one_budget(self):
        sampler = generator(space_of(number()))
        infos = []
        for n in range(4):
            sampler.new_result(job({"x": n / 4}, n, budget=9.0))
            infos.append(sampler.get_config(1.0)[1])
        reason = "no budget has enough results yet: {} of 4 on budget 9"
        assert infos == [
            *({"model_based_pick": False, "random_reason": reason.format(n)} for n in (1, 2, 3)),
            {"model_based_pick": True, "model_budget": 9.0},
        ]

    def test_stands_on_the_largest_budget_with_enough_results(self):
        sampler = generator(space_of(number()))
        assert sampler.largest_budget_with_model() == -math.inf
        for budget, expected in ((3.0, 3.0), (1.0, 3.0), (9.0, 9.0), (3.0, 9.0)):
            fed(sampler, 4, budget=budget)
            assert sampler.largest_budget_with_model() == expected
            assert sampler.get_config(1.0)[1]["model_budget"] == expected
        fed(sampler, 3, budget=27.0)
        assert sampler.largest_budget_with_model() == 9.0

    def test_results_below_the_models_budget_change_nothing_but_are_kept(self):
        one, other = (fed(generator(space_of(number())), 20, budget=9.0) for _ in range(2))
        fed(other, 50, loss=lambda config: -config["x"], budget=3.0)
        assert one.get_config(1.0) == other.get_config(1.0)
        assert {budget: len(losses) for budget, losses in other.losses.items()} == {9.0: 20, 3.0: 50}
        assert [len(configs) for configs in other.configs.values()] == [20, 50]

    def test_random_fraction_is_random_and_says_so(self):
        sampler = fed(generator(space_of(number()), random_fraction=0.3), 20)
        infos = [sampler.get_config(1.0)[1] for _ in range(400)]
        reasons = {info.get("random_reason") for info in infos}
        assert reasons == {None, "random_fraction=0.3 of the picks are random"}
        assert np.mean([info["model_based_pick"] for info in infos]) == pytest.approx(0.7, abs=0.08)

    def test_nothing_can_vary(self):
        sampler = generator(space_of(CS.Constant("c", 3)))
        for _ in range(5):
            sampler.new_result(job({"c": 3}, 1.0))
        expected = {"model_based_pick": False, "random_reason": "no hyperparameter can vary"}
        assert sampler.get_config(1.0) == ({"c": 3}, expected)

    def test_update_model_false_keeps_the_result_for_the_next_fit(self):
        one, other = generator(space_of(number())), generator(space_of(number()))
        for n in range(8):
            one.new_result(job({"x": n / 8}, n))
            other.new_result(job({"x": n / 8}, n), update_model=n == 7)
        assert one.get_config(1.0) == other.get_config(1.0)


class TestSplit:
    @pytest.mark.parametrize(
        ("n", "kwargs", "good"),
        [
            (4, {}, 2), (10, {}, 2), (20, {}, 3), (100, {}, 15), (100, {"top_n_percent": 40}, 40),
            (100, {"min_points_in_model": 30}, 30), (100, {"top_n_percent": 100}, 98),
        ],
    )  # fmt: skip
    def test_sizes(self, n, kwargs, good):
        sampler = fed(generator(space_of(number()), **kwargs), n)
        good_density, bad_density = sampler._fitted_densities()
        assert (len(good_density.data), len(bad_density.data)) == (good, n - good)
        assert good_density.data.max() <= bad_density.data.min()

    @pytest.mark.parametrize("failure", [None, math.nan, math.inf, -math.inf, np.float32("nan"), np.array(math.inf)])
    def test_failures_are_infinitely_bad(self, failure):
        sampler = generator(space_of(number()))
        for n in range(40):
            x = (n + 0.5) / 40
            sampler.new_result(job({"x": x}, failure if x < 0.5 else np.float64(x)))
        assert sampler.losses[1.0][:20] == [math.inf] * 20
        assert min(sampler._fitted_densities()[0].data) > 0.5
        assert np.mean([sampler.get_config(1.0)[0]["x"] for _ in range(50)]) > 0.5

    @pytest.mark.parametrize("loss", [1, True, np.int64(1), np.float32(1), np.array(1.0), np.array([1.0])])
    def test_losses_of_any_number_type(self, loss):
        sampler = generator(space_of(number()))
        sampler.new_result(job({"x": 0.5}, loss))
        assert sampler.losses == {1.0: [1.0]}
        assert type(sampler.losses[1.0][0]) is float

    def test_all_failed_is_still_a_model(self):
        sampler = fed(generator(space_of(number())), 10, loss=lambda config: None)
        assert sampler.get_config(1.0)[1]["model_based_pick"]


SPACES = {
    "one number": lambda: [number()],
    "log": lambda: [CS.UniformFloatHyperparameter("x", 1e-6, 1, log=True)],
    "integers": lambda: [
        CS.UniformIntegerHyperparameter("x", 1, 9),
        CS.UniformIntegerHyperparameter("n", 1, 999, log=True),
    ],
    "categories": lambda: [CS.CategoricalHyperparameter(name, list("abcd"[: 2 + i])) for i, name in enumerate("xyz")],
    "one category": lambda: [CS.CategoricalHyperparameter("x", [True, False])],
    "ordinals": lambda: [CS.OrdinalHyperparameter("x", [1, 2, 4, 8]), CS.OrdinalHyperparameter("y", ["lo", "hi"])],
    "constants": lambda: [number(), CS.Constant("c", "c"), CS.CategoricalHyperparameter("only", [5])],
    "priors": lambda: [
        CS.NormalFloatHyperparameter("x", mu=0, sigma=1, lower=-3, upper=3),
        CS.BetaIntegerHyperparameter("b", alpha=2, beta=2, lower=0, upper=20),
    ],
    "conditions": lambda: conditional_parts(),
    "forbidden": lambda: forbidden_parts(),
}  # fmt: skip


def conditional_parts():
    x, kind, depth, rate = (
        number(),
        CS.CategoricalHyperparameter("kind", ["tree", "net"]),
        CS.UniformIntegerHyperparameter("depth", 1, 8),
        CS.UniformFloatHyperparameter("rate", 1e-4, 1, log=True),
    )
    return [x, kind, depth, rate, CS.EqualsCondition(depth, kind, "tree"), CS.EqualsCondition(rate, kind, "net")]


def forbidden_parts():
    x, a, b = number(), CS.CategoricalHyperparameter("a", [0, 1, 2]), CS.CategoricalHyperparameter("b", [0, 1, 2])
    return [x, a, b, CS.ForbiddenAndConjunction(CS.ForbiddenEqualsClause(a, 1), CS.ForbiddenInClause(b, [1, 2]))]


class TestEverySpace:
    @pytest.mark.parametrize("name", SPACES)
    def test_the_model_makes_legal_plain_picks(self, name):
        space = space_of(*SPACES[name]())
        sampler = fed(generator(space), 40, loss=lambda config: len(str(config)))
        for _ in range(20):
            config, info = sampler.get_config(1.0)
            assert info == {"model_based_pick": True, "model_budget": 1.0}
            assert {type(value) for value in config.values()} <= {float, int, bool, str}
            CS.Configuration(space, values=config)
            sampler.new_result(job(config, 1.0))

    @pytest.mark.parametrize("name", SPACES)
    def test_a_seed_makes_it_reproducible(self, name):
        space = space_of(*SPACES[name]())
        runs = []
        for seed in (1, 1):
            sampler = fed(generator(space, seed, random_fraction=0.3), 40, loss=lambda config: len(str(config)))
            runs.append([sampler.get_config(1.0) for _ in range(10)])
        assert runs[0] == runs[1]

    def test_a_category_seen_once_and_one_never_seen(self):
        sampler = generator(space_of(number(), CS.CategoricalHyperparameter("c", ["often", "once", "never"])))
        for n in range(20):
            sampler.new_result(job({"x": n / 20, "c": "once" if n == 0 else "often"}, n))
        for density in sampler._fitted_densities():
            assert np.isfinite(density.log_pdf(np.array([[c, 0.5] for c in range(3)]))).all()
        assert sampler.get_config(1.0)[1]["model_based_pick"]

    def test_all_results_the_same(self):
        sampler = generator(space_of(number(), CS.OrdinalHyperparameter("o", [1, 2, 3])))
        for _ in range(10):
            sampler.new_result(job({"x": 0.5, "o": 2}, 1.0))
        config, info = sampler.get_config(1.0)
        assert info["model_based_pick"]
        assert config["x"] == pytest.approx(0.5, abs=0.02)

    def test_accepts_configuration_objects(self):
        space = space_of(*conditional_parts())
        one, other = generator(space), generator(space)
        for n, configuration in enumerate(space.sample_configuration(30)):
            one.new_result(job(configuration, n))
            other.new_result(job(dict(configuration), n))
        assert one.get_config(1.0)[1]["model_based_pick"]
        np.testing.assert_allclose(one.configs[1.0], other.configs[1.0], atol=1e-9)

    def test_refuses_configurations_of_another_space(self):
        with pytest.raises(InvalidArgumentError, match="y=1 is not among the hyperparameters"):
            generator(space_of(number())).new_result(job({"x": 0.5, "y": 1}, 1.0))

    def test_says_when_all_candidates_are_forbidden(self):
        a, b = (CS.CategoricalHyperparameter(name, list(range(6))) for name in "ab")
        clauses = []
        for i in range(6):
            others = [j for j in range(6) if j != i]
            clause = CS.ForbiddenAndConjunction(CS.ForbiddenEqualsClause(a, i), CS.ForbiddenInClause(b, others))
            clauses.append(clause)
        space = space_of(a, b, *clauses)
        sampler = generator(space, num_samples=1)
        for n in range(12):
            sampler.new_result(job({"a": n % 6, "b": n % 6}, 1.0))
        picks = [sampler.get_config(1.0) for _ in range(60)]
        assert all(config["a"] == config["b"] for config, _ in picks)
        reason = "all 1 candidates of the model are forbidden or known already"
        assert {info.get("random_reason") for _, info in picks} == {None, reason}


class TestImputation:
    def test_is_deterministic_and_keeps_what_is_active(self):
        sampler = generator(space_of(*conditional_parts()))
        fed(sampler, 30)
        data = np.array(sampler.configs[1.0])
        assert np.isnan(data).any()
        filled = sampler.impute_conditional_data(data)
        np.testing.assert_array_equal(filled, sampler.impute_conditional_data(data))
        np.testing.assert_array_equal(filled[~np.isnan(data)], data[~np.isnan(data)])
        assert not np.isnan(filled).any()
        for before, after in zip(data.T, filled.T, strict=True):
            assert set(after) <= set(before[~np.isnan(before)])


def test_a_new_result_is_in_the_next_pick():
    sampler = fed(generator(space_of(number())), 50)
    before = sampler._fitted_densities()[0].data.copy()
    sampler.get_config(1.0)
    for _ in range(5):
        sampler.new_result(job({"x": 0.987}, -1.0))
    sampler.get_config(1.0)
    after = sampler._densities[0].data
    assert (after == 0.987).sum() == 5
    assert len(after) == len(before) + 1


def test_many_results_keep_their_order():
    sampler = generator(space_of(number()))
    for n in range(100):
        sampler.new_result(job({"x": n / 100}, -n))
    assert [float(code[0]) for code in sampler.configs[1.0]] == [n / 100 for n in range(100)]
    assert sampler.losses[1.0] == [-n for n in range(100)]


def test_picks_are_better_than_chance():
    parts = [number("x"), number("y"), CS.CategoricalHyperparameter("c", ["a", "b", "c"])]

    def loss(config):
        return (config["x"] - 0.2) ** 2 + (config["y"] - 0.9) ** 2 + (config["c"] != "b")

    means = []
    for random_fraction in (0.2, 1.0):
        sampler, losses = generator(space_of(*parts), 1, random_fraction=random_fraction), []
        for _ in range(100):
            config, _ = sampler.get_config(1.0)
            losses.append(loss(config))
            sampler.new_result(job(config, losses[-1]))
        means.append(np.mean(losses[50:]))
    assert means[0] < means[1] / 2
