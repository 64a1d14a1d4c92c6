from __future__ import annotations

import math

import numpy as np
import pytest

from hpbandster_ng.analysis.observations import comparable
from hpbandster_ng.analysis.parameters import Parameter, encoded, inferred
from hpbandster_ng.analysis.surrogate import modelled
from hpbandster_ng.core.run import Run
from hpbandster_ng.core.space_parameters import space_parameters


def runs(table):
    """``{number: {budget: loss}}``"""
    return [
        Run((0, 0, number), budget, loss, None, {}, None)
        for number, losses in table.items()
        for budget, loss in losses.items()
    ]


def told(table, budget=None):
    found = comparable(runs(table), np.random.default_rng(0), budget)
    return dict(zip([config_id[2] for config_id in found.config_ids], found.losses.tolist(), strict=True)), found


def test_losses_move_by_the_median_change_from_budget_to_budget():
    table = {
        0: {1: 0.9},
        1: {1: 0.8, 3: 0.6},
        2: {1: 0.7, 3: 0.6},
        3: {1: 0.6, 3: 0.1, 9: 0.0},
    }
    losses, found = told(table)
    assert losses == pytest.approx({0: 0.9 - 0.2 - 0.1, 1: 0.5, 2: 0.5, 3: 0.0})
    assert (found.budget, found.num_configs, found.is_log) == (9, 4, False)


def test_one_budget_alone():
    losses, found = told({0: {1: 0.9}, 1: {1: 0.8, 3: 0.6}}, budget=1)
    assert losses == {0: 0.9, 1: 0.8}
    assert found.budget == 1


def test_runs_without_a_loss_do_not_count():
    losses, _ = told({0: {1: 0.9, 3: None}, 1: {1: math.inf}, 2: {1: math.nan, 3: 0.5}})
    assert losses == {0: 0.9, 2: 0.5}
    assert told({})[0] == {}


def test_losses_over_magnitudes_are_compared_by_their_logarithms():
    losses, found = told({0: {1: 1000.0}, 1: {1: 10.0, 3: 1.0}})
    assert found.is_log
    assert losses == pytest.approx({0: math.log(100), 1: 0.0})


def test_of_many_configurations_some_are_drawn():
    table = {number: {1: float(number)} for number in range(5000)}
    losses, found = told(table)
    assert len(losses) == 1000
    assert found.num_configs == 5000
    assert np.mean(list(losses)) == pytest.approx(2500, abs=150)
    assert list(losses) == sorted(losses)


def test_a_run_is_modelled_as_far_as_it_is_known():
    table = {number: {1: float(number % 7)} for number in range(70)}
    configs = {(0, 0, number): {"x": number % 7, "y": "a" if number % 2 else "b"} for number in table}
    surrogate, observed = modelled(runs(table), configs, np.random.default_rng(0))
    assert [each.name for each in surrogate.parameters] == ["x", "y"]
    assert surrogate.explained > 0.9
    assert len(observed.losses) == 70
    surrogate, _ = modelled(runs(table), configs, np.random.default_rng(0), parameters=[Parameter.category("y", "ab")])
    assert surrogate.explained < 0.1


def test_what_is_seen_of_hyperparameters():
    configs = [
        {"x": 1, "rate": 1e-3, "on": True, "mixed": 1},
        {"x": 5, "rate": 0.5, "on": False, "mixed": "a"},
        {"l": [1]},
    ]
    found = {each.name: each for each in inferred(configs)}
    assert found["x"] == Parameter("x", (), 1, 5, False, True)
    assert found["rate"] == Parameter("rate", (), 1e-3, 0.5, True, False)
    assert found["on"].values == (False, True)
    assert found["mixed"].values == ("a", 1)
    codes = encoded(list(found.values()), configs)
    assert codes.shape == (3, 5)
    assert codes[0].tolist() == pytest.approx([0.1, 0, 1, 1, math.nan], nan_ok=True)
    assert encoded([], configs).shape == (3, 0)


@pytest.mark.parametrize(("draw", "is_log"), [(lambda u: 1e-3 + u, False), (lambda u: 10 ** (-3 * u), True)])
def test_a_wide_range_alone_is_no_logarithmic_scale(draw, is_log):
    values = [{"x": float(draw(u))} for u in np.linspace(0, 1, 50)]
    assert inferred(values)[0].is_log is is_log


def test_what_a_search_space_tells():
    import ConfigSpace as CS

    space = CS.ConfigurationSpace()
    add = space.add if hasattr(space, "add") else space.add_hyperparameter
    for each in (
        CS.UniformFloatHyperparameter("rate", 1e-4, 1.0, log=True),
        CS.UniformIntegerHyperparameter("layers", 1, 4),
        CS.CategoricalHyperparameter("act", ["relu", "tanh"]),
        CS.OrdinalHyperparameter("size", ["s", "m", "l"]),
        CS.Constant("seed", 3),
    ):
        add(each)
    found = {each.name: each for each in space_parameters(space)}
    assert found == {
        "rate": Parameter("rate", (), 1e-4, 1.0, True, False),
        "layers": Parameter("layers", (), 1, 4, False, True),
        "act": Parameter("act", ("relu", "tanh")),
        "size": Parameter("size", ("s", "m", "l")),
    }
    assert found["layers"].encode([1, 4]).tolist() == [0.125, 0.875]
