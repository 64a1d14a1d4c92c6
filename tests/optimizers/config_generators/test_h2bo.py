from __future__ import annotations

from types import SimpleNamespace

import ConfigSpace
import numpy as np
import pytest

from hpbandster_ng.errors import InvalidArgumentError, SearchSpaceError
from hpbandster_ng.optimizers.config_generators.bohb import BOHB
from hpbandster_ng.optimizers.config_generators.h2bo import H2BO


def global_numbers() -> np.ndarray:
    return np.random.get_state()[1].copy()


def line() -> ConfigSpace.ConfigurationSpace:
    return ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})


def add(space: ConfigSpace.ConfigurationSpace, *parts: object) -> ConfigSpace.ConfigurationSpace:
    for part in parts:
        if hasattr(space, "add"):
            space.add(part)
        elif isinstance(part, ConfigSpace.ForbiddenEqualsClause):
            space.add_forbidden_clause(part)
        elif isinstance(part, ConfigSpace.EqualsCondition):
            space.add_condition(part)
        else:
            space.add_hyperparameter(part)
    return space


def rich_space() -> ConfigSpace.ConfigurationSpace:
    """Every kind of hyperparameter, a condition and a forbidden clause."""
    optimizer = ConfigSpace.CategoricalHyperparameter("optimizer", ["sgd", "adam", "lbfgs"])
    momentum = ConfigSpace.UniformFloatHyperparameter("z_momentum", 0, 1)
    return add(
        ConfigSpace.ConfigurationSpace(),
        optimizer,
        momentum,
        ConfigSpace.UniformFloatHyperparameter("lr", 1e-5, 1, log=True),
        ConfigSpace.UniformIntegerHyperparameter("layers", 1, 5),
        ConfigSpace.UniformIntegerHyperparameter("units", 8, 1024, log=True),
        ConfigSpace.OrdinalHyperparameter("size", ["s", "m", "l"]),
        ConfigSpace.Constant("version", 3),
        ConfigSpace.EqualsCondition(momentum, optimizer, "sgd"),
        ConfigSpace.ForbiddenEqualsClause(optimizer, "lbfgs"),
    )


def report(config: dict, loss: float | None, budget: float = 1.0) -> SimpleNamespace:
    result = None if loss is None else {"loss": loss, "info": {}}
    return SimpleNamespace(kwargs={"config": config, "budget": budget}, result=result, exception=None)


def taught(sampler: BOHB, loss, n: int, budget: float = 1.0) -> BOHB:
    rng = np.random.default_rng(0)
    for _ in range(n):
        config = sampler.search_space.sample(rng)
        sampler.new_result(report(config, loss(config), budget))
    return sampler


def test_the_model_waits_for_enough_results():
    sampler = H2BO(line(), random_fraction=0)
    for n in range(4):
        _, info = sampler.get_config(1)
        assert info["model_based_pick"] is False
        assert info["random_reason"].startswith(f"no budget has enough results yet: {n} of 4")
        sampler.new_result(report({"x": 0.1 * n}, float(n)))
    assert sampler.get_config(1)[1] == {"model_based_pick": True, "model_budget": 1.0}


def test_the_largest_budget_with_enough_results_is_modelled():
    sampler = H2BO(line(), random_fraction=0)
    taught(sampler, lambda c: c["x"], 20, budget=1)
    taught(sampler, lambda c: 1 - c["x"], 8, budget=9)
    taught(sampler, lambda c: c["x"], 3, budget=27)
    picks = [sampler.get_config(27) for _ in range(20)]
    assert {info["model_budget"] for _, info in picks} == {9}
    assert np.mean([config["x"] for config, _ in picks]) > 0.6


def test_random_picks_say_so():
    sampler = taught(H2BO(line(), random_fraction=0.5), lambda c: c["x"], 20)
    sampler.seed(1)
    infos = [sampler.get_config(1)[1] for _ in range(200)]
    random = [info for info in infos if not info["model_based_pick"]]
    assert 70 <= len(random) <= 130
    assert {info["random_reason"] for info in random} == {"random_fraction=0.5 of the picks are random"}


@pytest.mark.parametrize("bw_estimator", ["scott", "mlcv"])
@pytest.mark.parametrize("fully_dimensional", [True, False])
def test_picks_are_near_the_optimum_of_a_rich_space(bw_estimator, fully_dimensional):
    def loss(config: dict) -> float:
        penalty = {"sgd": 0.0, "adam": 2.0}[config["optimizer"]]
        return penalty + abs(np.log10(config["lr"]) + 2) + 0.5 * abs(config["layers"] - 4) + config.get("z_momentum", 0)

    sampler = H2BO(rich_space(), random_fraction=0, bw_estimator=bw_estimator, fully_dimensional=fully_dimensional)
    taught(sampler, loss, 150)
    sampler.seed(4)
    rng = np.random.default_rng(5)
    picks = [sampler.get_config(1) for _ in range(30)]
    assert all(info["model_based_pick"] for _, info in picks)
    for config, _ in picks:
        assert sampler.search_space.validate(config) == config
    by_chance = np.mean([loss(sampler.search_space.sample(rng)) for _ in range(200)])
    assert np.mean([loss(config) for config, _ in picks]) < 0.6 * by_chance


def test_optima_on_the_border_are_found():
    """Where the uncorrected density loses half of its mass."""
    sampler = taught(H2BO(line(), random_fraction=0), lambda c: c["x"], 30)
    sampler.seed(0)
    assert np.median([sampler.get_config(1)[0]["x"] for _ in range(50)]) < 0.1


def test_failures_count_as_bad():
    sampler = H2BO(line(), random_fraction=0)
    rng = np.random.default_rng(0)
    for x in rng.random(40):
        sampler.new_result(report({"x": x}, None if x > 0.3 else 1.0))
    picks = [sampler.get_config(1)[0]["x"] for _ in range(30)]
    assert np.mean(np.array(picks) < 0.35) > 0.9


def test_the_same_seed_gives_the_same_pick_whenever_the_model_was_fitted():
    """A run that goes on after a crash fits at another pick than the run that was never interrupted."""
    early = taught(H2BO(rich_space(), random_fraction=0, bw_estimator="mlcv"), lambda c: c["lr"], 40)
    late = taught(H2BO(rich_space(), random_fraction=0, bw_estimator="mlcv"), lambda c: c["lr"], 40)
    early.get_config(1)
    state = global_numbers()
    for sampler in (early, late):
        sampler.seed(7, 3)
    assert early.get_config(1) == late.get_config(1)
    np.testing.assert_array_equal(global_numbers(), state)


def test_constants_only():
    config, info = H2BO(add(ConfigSpace.ConfigurationSpace(), ConfigSpace.Constant("a", 1))).get_config(1)
    assert (config, info) == ({"a": 1}, {"model_based_pick": False, "random_reason": "no hyperparameter can vary"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bw_estimator": "cv_ml"}, "bw_estimator='cv_ml' must be 'scott' or 'mlcv'"),
        ({"num_samples": 0}, "num_samples=0 must"),
        ({"top_n_percent": 101}, "top_n_percent=101 must"),
        ({"random_fraction": -0.1}, "random_fraction=-0.1 must"),
        ({"min_bandwidth": 0}, "min_bandwidth=0 must"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(InvalidArgumentError, match=message):
        H2BO(line(), **arguments)


def test_only_search_spaces_are_taken():
    with pytest.raises(SearchSpaceError):
        H2BO(None)
