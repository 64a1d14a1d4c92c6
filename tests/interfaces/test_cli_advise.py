"""``hpbandster-ng advise``: of a probe, of a run that was recorded, and of what tells nothing."""

from __future__ import annotations

import json
import pickle
import re

import ConfigSpace
import numpy as np
import pytest

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.core.result import json_result_logger
from hpbandster_ng.engine.schedule import rung_budgets
from hpbandster_ng.optimizers import BudgetProbe, HyperBand, RandomSearch
from tests.interfaces.test_cli_experiments import call, error_of

SPACE = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})


class Clock:
    """Of runs that take what their budget says."""

    now = 1e9


def compute(config, budget, **_):
    """On budget 1, the ranking is noise."""
    Clock.now += budget
    noise = np.random.default_rng(int(1e9 * config["x"])).random()
    return {"loss": noise if budget == 1 else config["x"] + 0.05 * noise / budget, "info": {}}


def run(kind=BudgetProbe, n_iterations=20, **options):
    settings = {"min_budget": 1, "max_budget": 9, "seed": 1, "run_id": "probe", "clock": lambda: Clock.now} | options
    with kind(SPACE, backend=InProcessBackend(compute), **settings) as optimizer:
        return optimizer.run(n_iterations)


@pytest.fixture(params=["journal", "sqlite", "pickle", "folder"])
def place(request, tmp_path):
    if request.param == "journal":
        run(storage=f"journal:{tmp_path}/run")
        return ["--storage", f"journal:{tmp_path}/run"]
    if request.param == "sqlite":
        run(storage=f"sqlite:///{tmp_path}/run.db")
        return ["probe", "--storage", f"sqlite:///{tmp_path}/run.db"]
    if request.param == "pickle":
        (tmp_path / "results.pkl").write_bytes(pickle.dumps(run()))
        return ["--result", tmp_path / "results.pkl"]
    run(result_logger=json_result_logger(tmp_path / "log"))
    return ["--result", tmp_path / "log"]


def test_it_recommends_the_smallest_budget_that_tells_enough(place):
    lines = call("advise", *place).stdout.splitlines()
    assert re.split(r"\s{2,}", lines[0]) == ["budget", "configurations", "rank correlation", "95 % interval", "cost"]
    assert [line.split()[:2] for line in lines[1:4]] == [["1", "20"], ["3", "20"], ["9", "20"]]
    assert lines[-1].startswith("Take min_budget=3, max_budget=9, eta=3: for the cost of one full evaluation, ")
    found = json.loads(call("advise", *place, "--json").stdout)
    assert found["best"]["min_budget"] == 3
    assert found["best"] == found["choices"][0]


def test_it_says_of_a_run_that_stopped_the_others_that_it_judges_by_survivors(tmp_path):
    told = {}
    for kind in (BudgetProbe, HyperBand):
        (tmp_path / "results.pkl").write_bytes(pickle.dumps(run(kind, n_iterations=18)))
        told[kind] = call("advise", "--result", tmp_path / "results.pkl").stdout
    assert "Only survivors were run on larger budgets" in told[HyperBand].splitlines()[4]
    assert "survivors" not in told[BudgetProbe]


def test_what_it_recommends_makes_the_rungs_that_it_judged(tmp_path):
    (tmp_path / "results.pkl").write_bytes(pickle.dumps(run(min_budget=2 / 3, max_budget=18)))
    told = call("advise", "--result", tmp_path / "results.pkl").stdout
    min_budget = re.search(r"Take min_budget=(\S+), max_budget=18, eta=3", told)[1]
    assert rung_budgets(float(min_budget), 18, 3)[0] == 2 / 3


def test_a_storage_in_the_environment_does_not_matter_where_a_result_is_given(tmp_path, monkeypatch):
    monkeypatch.setenv("HPBANDSTER_STORAGE", f"sqlite:///{tmp_path}/nothing.db")
    (tmp_path / "results.pkl").write_bytes(pickle.dumps(run()))
    assert "Take min_budget=3" in call("advise", "--result", tmp_path / "results.pkl").stdout


def test_what_tells_nothing_is_refused(tmp_path):
    (tmp_path / "results.pkl").write_bytes(pickle.dumps(run(RandomSearch)))
    assert "must have 6 configurations that succeeded on one budget" in error_of(
        "advise", "--result", tmp_path / "results.pkl"
    )
    assert "give --storage URL" in error_of("advise", code=2)
    assert "does not exist" in error_of("advise", "--result", tmp_path / "missing", code=2)
    (tmp_path / "broken.pkl").write_bytes(b"no pickle")
    assert "broken.pkl" in error_of("advise", "--result", tmp_path / "broken.pkl")


def test_without_a_budget_that_tells_enough_it_says_so(tmp_path):
    (tmp_path / "results.pkl").write_bytes(pickle.dumps(run(min_budget=1, max_budget=3, n_iterations=6)))
    assert (
        "No smaller budget is known to be worth its cost" in call("advise", "--result", tmp_path / "results.pkl").stdout
    )
