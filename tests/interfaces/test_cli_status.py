"""``hpbandster-ng status``, of runs of a master; that of experiments is tested with the other commands on them."""

from __future__ import annotations

import json
import re

import ConfigSpace
import pytest

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.experiments import Experiment
from hpbandster_ng.optimizers import HyperBand
from tests.interfaces.test_cli_experiments import call, error_of

SPACE = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})


def compute(config, budget, **_):
    if config["x"] < 0.3:
        raise ValueError("too small")
    return {"loss": config["x"], "info": {}}


def run(storage, run_id):
    settings = {"min_budget": 1, "max_budget": 9, "seed": 1, "run_id": run_id, "storage": storage}
    with HyperBand(SPACE, backend=InProcessBackend(compute), **settings) as optimizer:
        optimizer.run(1)


@pytest.fixture(params=["journal", "sqlite"])
def storage(request, tmp_path):
    url = f"journal:{tmp_path}/run" if request.param == "journal" else f"sqlite:///{tmp_path}/run.db"
    run(url, "first")
    return url


def test_of_the_only_run_no_name_is_needed(storage):
    lines = dict(
        re.split(r"\s{2,}", line, maxsplit=1) for line in call("status", "--storage", storage).stdout.splitlines()
    )
    assert lines["run"] == "first"
    assert lines["state"] == "finished: all iterations that were asked for are done"
    assert lines["iterations"] == "1 of 1 begun"
    assert re.fullmatch(r"\d failed, \d+ succeeded", lines["runs"])
    assert re.fullmatch(r"loss 0\.\d+ on budget 9, 0_0_\d", lines["best"])
    assert lines["picks"] == "0 by the model, 9 without it"


def test_for_programs(storage):
    found = json.loads(call("status", "--storage", storage, "--json").stdout)
    assert found["run_id"] == "first"
    assert found["runs"]["running"] == 0
    assert found["runs"]["succeeded"] + found["runs"]["failed"] == 9 + 3 + 1
    assert found["waits_for"] == []


def test_the_story_of_a_configuration(storage):
    told = json.loads(call("status", "--storage", storage, "--config", "0_0_0", "--json").stdout)
    assert [each["what"].split()[0] for each in told[:4]] == ["picked", "queued", "started", "ended"]
    text = call("status", "--storage", storage, "--config", "0_0_0").stdout
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  picked without the model", text)


def test_what_is_not_there(storage, tmp_path):
    assert error_of("status", "--storage", storage, "--config", "7_0_0").startswith("there is no configuration 7_0_0 ")
    assert "must be three whole numbers" in error_of("status", "--storage", storage, "--config", "one", code=2)
    assert "must hold a run" in error_of("status", "--storage", f"journal:{tmp_path}/other")


def test_a_database_with_several_asks_which(tmp_path):
    url = f"sqlite:///{tmp_path}/several.db"
    assert "there is no experiment or run here" in error_of("status", "--storage", url)
    run(url, "one")
    with Experiment.create(url, "two", SPACE, "HyperBand", min_budget=1, max_budget=9, n_iterations=1) as experiment:
        suggestion = experiment.suggest("me")
    assert "say which one: there are two, one." in error_of("status", "--storage", url, code=2)
    assert call("status", "one", "--storage", url).stdout.startswith("run         one\n")
    text = call("status", "two", "--storage", url).stdout
    assert "state       running: 1 job on 1 worker\n" in text
    assert re.search(r"^It waits for:\n.*\n0_0_0 +1 +me", text, re.MULTILINE)
    assert suggestion.budget == 1
    assert (
        error_of("status", "three", "--storage", url)
        == "there is no experiment or run 'three' here; there are two, one"
    )


def test_values_are_shown_in_the_letters_of_their_language(tmp_path):
    url = f"sqlite:///{tmp_path}/letters.db"
    space = ConfigSpace.ConfigurationSpace({"größe": ["klein \u202e\x1b[31m"]})
    backend = InProcessBackend(lambda **_: {"loss": 0.5, "info": {}}, str(tmp_path))
    with HyperBand(space, run_id="r", min_budget=1, max_budget=1, backend=backend, storage=url, seed=1) as optimizer:
        optimizer.run(1)
    text = call("status", "--storage", url).stdout
    assert 'with        {"größe": "klein \\u202e\\u001b[31m"}\n' in text
