from __future__ import annotations

import ConfigSpace

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.optimizers.h2bo import H2BO

SPACE = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})


def compute(config, budget, **kwargs):
    curve = [1 / step + config["x"] for step in range(1, int(budget) + 3)]
    return {"loss": curve[-1], "info": {"learning_curve": curve}}


def make(**options):
    return H2BO(SPACE, run_id="run", backend=InProcessBackend(compute), min_budget=1, max_budget=9, **options)


def test_its_settings_reach_the_generator_and_the_result():
    settings = {"num_samples": 16, "bandwidth_factor": 2, "bw_estimator": "mlcv", "fully_dimensional": False}
    optimizer = make(**settings)
    assert {name: getattr(optimizer.config_generator, name) for name in settings} == settings
    assert {name: optimizer.config[name] for name in settings} == settings


def test_it_comes_to_picks_by_its_model():
    with make(seed=1) as master:
        result = master.run(4)
    picks = {known["config_info"]["model_based_pick"] for known in result.get_id2config_mapping().values()}
    assert picks == {True, False}
