from __future__ import annotations

import ConfigSpace
import pytest

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.optimizers.bohb import BOHB

SPACE = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0), "c": ["a", "b"]})


def compute(config, budget, **kwargs):
    return {"loss": abs(config["x"] - 0.3) + (config["c"] == "b"), "info": {}}


def make(**options):
    return BOHB(SPACE, run_id="run", backend=InProcessBackend(compute), min_budget=1, max_budget=9, **options)


def test_its_settings_reach_the_generator_and_the_result():
    settings = {
        "min_points_in_model": 5,
        "top_n_percent": 20,
        "num_samples": 32,
        "random_fraction": 0.5,
        "bandwidth_factor": 2,
        "min_bandwidth": 1e-2,
    }
    optimizer = make(**settings)
    generator = optimizer.config_generator
    assert {name: getattr(generator, name) for name in settings} == settings
    assert {name: optimizer.config[name] for name in settings} == settings


@pytest.mark.parametrize(
    "setting",
    [{"num_samples": 0}, {"random_fraction": 1.5}, {"min_bandwidth": 0}, {"bandwidth_factor": 0}],
)
def test_a_bad_setting_is_named(setting):
    ((name, _),) = setting.items()
    with pytest.raises(ValueError, match=name):
        make(**setting)


def test_every_pick_records_the_models_budget_or_why_it_was_random():
    with make(seed=1) as master:
        result = master.run(6)
    infos = [known["config_info"] for known in result.get_id2config_mapping().values()]
    assert {info["model_based_pick"] for info in infos} == {True, False}
    for info in infos:
        assert ("model_budget" in info) if info["model_based_pick"] else info["random_reason"]


def test_the_same_seed_gives_the_same_picks_models_included():
    results = []
    for _ in range(2):
        with make(seed=3) as master:
            results.append({i: datum.config for i, datum in master.run(4).data.items()})
    assert results[0] == results[1]


def test_the_model_finds_better_configurations_than_chance():
    with make(seed=1) as master:
        result = master.run(12)
    losses = {True: [], False: []}
    for run in result.get_all_runs():
        info = result.get_id2config_mapping()[run.config_id]["config_info"]
        if run.budget == 1:
            losses[info["model_based_pick"]].append(run.loss)
    mean = {kind: sum(found) / len(found) for kind, found in losses.items()}
    assert mean[True] < 0.6 * mean[False]


@pytest.mark.parametrize("rule", [None, "capped", "reference"])
def test_the_bandwidths_of_categories_are_an_argument_away(rule):
    with make(seed=1, categorical_bandwidth=rule) as optimizer:
        result = optimizer.run(3)
    assert any(datum.config_info["model_based_pick"] for datum in result.data.values())
    assert result.HB_config["categorical_bandwidth"] == rule


def test_bandwidths_by_cross_validation_are_an_argument_away():
    with make(seed=1, bandwidth_estimation="cv_ml") as optimizer:
        result = optimizer.run(3)
    assert any(datum.config_info["model_based_pick"] for datum in result.data.values())
    assert result.HB_config["bandwidth_estimation"] == "cv_ml"
