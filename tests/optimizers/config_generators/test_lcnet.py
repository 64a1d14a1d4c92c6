from __future__ import annotations

from types import SimpleNamespace

import ConfigSpace
import numpy as np
import pytest

from hpbandster_ng.errors import InvalidArgumentError, SearchSpaceError
from hpbandster_ng.optimizers.config_generators.lcnet import LCNetWrapper


class Logger:
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, message: str, *args: object) -> None:
        self.warnings.append(message % args)


def global_numbers() -> np.ndarray:
    return np.random.get_state()[1].copy()


def line() -> ConfigSpace.ConfigurationSpace:
    return ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})


def curve_of(x: float, budget: int) -> list[float]:
    """Best at x = 0.7 on the full budget of 27, but fastest at first for small x."""
    return [(x - 0.7) ** 2 + np.exp(-epoch / (1 + 5 * x)) for epoch in range(1, budget + 1)]


def report(config: dict, budget: float, curve: object = None, **info: object) -> SimpleNamespace:
    info = {"learning_curve": curve, **info} if curve is not None else info
    loss = curve[-1] if isinstance(curve, list) and curve else 1.0
    return SimpleNamespace(kwargs={"config": config, "budget": budget}, result={"loss": loss, "info": info})


def failure(config: dict, budget: float) -> SimpleNamespace:
    return SimpleNamespace(kwargs={"config": config, "budget": budget}, result=None, exception="ZeroDivisionError")


def taught() -> LCNetWrapper:
    """A sampler that saw what one bracket of successive halving leaves behind."""
    sampler = LCNetWrapper(line(), max_budget=27, n_candidates=200)
    for i, x in enumerate(np.random.default_rng(0).random(27)):
        for budget in (3, 9, 27)[: 1 + (i < 9) + (i < 3)]:
            sampler.new_result(report({"x": x}, budget, curve_of(x, budget)))
    sampler.seed(1)
    return sampler


def test_picks_are_random_until_a_curve_reaches_the_full_budget():
    sampler = LCNetWrapper(line(), max_budget=9)
    reasons = []
    for x in (0.1, 0.2, 0.3):
        _, info = sampler.get_config(9)
        assert info["model_based_pick"] is False
        reasons.append(info["random_reason"])
        sampler.new_result(report({"x": x}, 3, curve_of(x, 3)))
    assert reasons[2] == "no learning curve up to max_budget=9 yet (2 shorter ones)"
    sampler.new_result(report({"x": 0.3}, 9, curve_of(0.3, 9)))
    assert sampler.get_config(9)[1] == {"model_based_pick": True, "model_budget": 9}


def test_picks_are_good_on_the_full_budget_not_on_the_small_ones():
    sampler = taught()
    picks = [sampler.get_config(27)[0]["x"] for _ in range(10)]
    assert abs(np.median(picks) - 0.7) < 0.15


def test_delta_seeks_uncertainty():
    def variance_at_pick(delta: float) -> float:
        sampler = LCNetWrapper(line(), max_budget=9, delta=delta, n_candidates=300)
        for x in [*np.linspace(0, 0.3, 8), *np.linspace(0.8, 1.0, 4)]:
            sampler.new_result(report({"x": x}, 9, [0.5 + x**2 + 1 / t for t in range(1, 10)]))
        sampler.seed(0)
        x = sampler.get_config(9)[0]["x"]
        return sampler._model.predict_unseen([9.0], [x])[1][0]

    assert variance_at_pick(1000.0) > 1.2 * variance_at_pick(0.0)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"loss": 1.0, "info": {}}, "info={} must be a dict that holds a 'learning_curve'"),
        ({"loss": 1.0, "info": None}, "info=None must be a dict that holds a 'learning_curve'"),
        ({"loss": 1.0, "info": {"learning_curve": []}}, "learning_curve=[] must be a list of numbers, not empty"),
        ({"loss": 1.0, "info": {"learning_curve": "low"}}, "learning_curve='low' must be a list of numbers"),
        ({"loss": 1.0, "info": {"learning_curve": [[1.0], [2.0]]}}, "must be a list of numbers"),
        ({"loss": 1.0, "info": {"learning_curve": [1.0, None, {}]}}, "must be a list of numbers"),
    ],
)
def test_a_missing_or_malformed_curve_is_told_and_ends_nothing(result, words):
    logger = Logger()
    sampler = LCNetWrapper(line(), max_budget=9, logger=logger)
    sampler.new_result(SimpleNamespace(kwargs={"config": {"x": 0.5}, "budget": 9}, result=result))
    reason = sampler.get_config(9)[1]["random_reason"]
    assert words in reason
    assert reason.startswith("no learning curve up to max_budget=9 yet (0 shorter ones); a result was left out: ")
    assert len(logger.warnings) == 1
    assert words in logger.warnings[0]
    sampler.logger = None
    sampler.new_result(SimpleNamespace(kwargs={"config": {"x": 0.5}, "budget": 9}, result=result))


def test_failures_and_diverged_curves_count_as_bad():
    sampler = LCNetWrapper(line(), max_budget=9, n_candidates=200, delta=0.5)
    for x in np.linspace(0, 1, 24):
        if x < 0.4:
            sampler.new_result(report({"x": x}, 9, curve_of(0.5, 9)))
        elif x < 0.7:
            sampler.new_result(failure({"x": x}, 3))
        else:
            sampler.new_result(report({"x": x}, 9, [1.0, np.nan, np.inf]))
    sampler.seed(0)
    picks = [sampler.get_config(9)[0]["x"] for _ in range(10)]
    assert max(picks) < 0.5


def test_only_failures_leave_it_random():
    sampler = LCNetWrapper(line(), max_budget=9)
    sampler.new_result(failure({"x": 0.5}, 9))
    assert sampler.get_config(9)[1]["model_based_pick"] is False


def test_long_curves_are_thinned_to_their_last_point():
    sampler = LCNetWrapper(line(), max_budget=9, n_points=5)
    for x in np.linspace(0, 1, 8):
        sampler.new_result(report({"x": x}, 9, list(np.linspace(2, x, 10_001))))
    sampler.seed(0)
    assert sampler.get_config(9)[0]["x"] < 0.3
    one_point = LCNetWrapper(line(), max_budget=9, n_points=1)
    for x in np.linspace(0, 1, 8):
        one_point.new_result(report({"x": x}, 9, [5.0, x]))
    one_point.seed(0)
    assert one_point.get_config(9)[0]["x"] < 0.3


def test_the_same_seed_gives_the_same_pick_whenever_the_model_was_fitted():
    early, late = taught(), taught()
    early.get_config(27)
    state = global_numbers()
    for sampler in (early, late):
        sampler.seed(7, 3)
    assert early.get_config(27) == late.get_config(27)
    np.testing.assert_array_equal(global_numbers(), state)


def test_a_finite_space_is_exhausted_before_anything_repeats():
    space = ConfigSpace.ConfigurationSpace({"c": ["a", "b", "d"]})
    sampler = LCNetWrapper(space, max_budget=2)
    sampler.seed(0)
    seen = ["a"]
    sampler.new_result(report({"c": "a"}, 2, [1.0, 0.1]))
    for loss in (0.5, 0.9):
        config, _ = sampler.get_config(2)
        seen.append(config["c"])
        sampler.new_result(report(config, 2, [1.0, loss]))
    assert sorted(seen) == ["a", "b", "d"]
    assert sampler.get_config(2)[1]["model_based_pick"] is True


def test_categories_and_conditions_are_modelled():
    space = ConfigSpace.ConfigurationSpace()
    kind = ConfigSpace.CategoricalHyperparameter("kind", ["plain", "deep", "wide"])
    rate = ConfigSpace.UniformFloatHyperparameter("z_rate", 0, 1)
    for part in (kind, rate):
        (space.add if hasattr(space, "add") else space.add_hyperparameter)(part)
    (space.add if hasattr(space, "add") else space.add_condition)(ConfigSpace.EqualsCondition(rate, kind, "deep"))
    sampler = LCNetWrapper(space, max_budget=4, n_candidates=200)
    rng = np.random.default_rng(0)
    for _ in range(30):
        config = sampler.search_space.sample(rng)
        level = {"plain": 1.0, "wide": 0.9}.get(config["kind"], config.get("z_rate", 0))
        sampler.new_result(report(config, 4, [level + 1 / t for t in range(1, 5)]))
    sampler.seed(0)
    picks = [sampler.get_config(4)[0] for _ in range(5)]
    assert {pick["kind"] for pick in picks} == {"deep"}
    assert max(pick["z_rate"] for pick in picks) < 0.3


def test_constants_only():
    space = ConfigSpace.ConfigurationSpace({"a": 1})
    info = LCNetWrapper(space, max_budget=1).get_config(1)[1]
    assert info == {"model_based_pick": False, "random_reason": "no hyperparameter can vary"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_budget": 0}, "max_budget=0 must be a finite number greater than 0"),
        ({"max_budget": 9, "n_points": 0}, "n_points=0 must be a whole number of at least 1"),
        ({"max_budget": 9, "n_candidates": 1.5}, "n_candidates=1.5 must be"),
        ({"max_budget": 9, "delta": -1}, "delta=-1 must be a finite number of at least 0"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(InvalidArgumentError, match=message):
        LCNetWrapper(line(), **arguments)


def test_only_search_spaces_are_taken():
    with pytest.raises(SearchSpaceError):
        LCNetWrapper(None, max_budget=1)


def test_the_model_is_fitted_anew_when_the_results_have_grown_by_a_tenth():
    sampler = LCNetWrapper(line(), max_budget=4, n_candidates=8)
    models = []
    for i in range(45):
        sampler.new_result(report({"x": i / 45}, 4, [i / 45 + 1 / t for t in range(1, 5)]))
        sampler.get_config(4)
        models.append(sampler._model)
    fits = [i + 1 for i in range(45) if i == 0 or models[i] is not models[i - 1]]
    assert fits == [*range(1, 20), *range(20, 30, 2), *range(30, 40, 3), 40, 44]
