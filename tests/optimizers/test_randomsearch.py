from __future__ import annotations

import ConfigSpace

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.engine.schedule import hyperband_brackets
from hpbandster_ng.optimizers.randomsearch import RandomSearch

SPACE = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})


def test_it_evaluates_on_the_full_budget_only():
    backend = InProcessBackend(lambda config, budget, **kwargs: {"loss": config["x"], "info": {}})
    with RandomSearch(SPACE, min_budget=1, max_budget=9, run_id="run", backend=backend, seed=1) as master:
        result = master.run(2)
    assert {run.budget for run in result.get_all_runs()} == {9}
    assert {info["config_info"]["model_based_pick"] for info in result.get_id2config_mapping().values()} == {False}


def test_an_iteration_costs_at_most_what_the_longest_bracket_of_hyperband_costs():
    for low, high, eta in ((1, 81, 3), (1, 1, 3), (0.01, 1, 3), (1, 1000, 10)):
        optimizer = RandomSearch(SPACE, eta, low, high, run_id="run", backend=InProcessBackend(None))
        (bracket,) = optimizer.brackets
        limit = hyperband_brackets(low, high, eta)[0].total_budget
        assert bracket.total_budget <= limit * (1 + 1e-9)
        assert bracket.total_budget + high > limit
