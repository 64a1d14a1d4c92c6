from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ConfigSpace as CS
import pytest

import hpbandster_ng
from hpbandster_ng import fmin
from hpbandster_ng.errors import InvalidArgumentError, RunDiffersError
from hpbandster_ng.experiments import Experiment
from hpbandster_ng.optimizers import ASHA, FreezeThaw
from tests.interfaces.fmin_functions import Counted, Held, Running, dying, hanging, quadratic, with_process
from tests.waiting import LIMIT, wait_until

SPACE = CS.ConfigurationSpace({"x": (0.0, 1.0)})


def minimised(fn, **options):
    return fmin(fn, SPACE, **{"min_budget": 1, "max_budget": 9, "n_iterations": 2, "seed": 1} | options)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/experiments.db"


def test_it_is_found_where_users_look_for_it():
    assert "fmin" in hpbandster_ng.__all__
    with pytest.raises(AttributeError, match="has no attribute 'fmax'"):
        hpbandster_ng.fmax


@pytest.mark.parametrize("optimizer", ["BOHB", ASHA, FreezeThaw])
def test_the_best_on_the_largest_budget_is_returned(optimizer):
    best = minimised(quadratic, optimizer=optimizer, n_iterations=4)
    assert best.budget == 9
    assert abs(best.config["x"] - 0.3) < 0.2
    assert best.metrics["loss"] == quadratic(best.config, 9)


def test_any_callable_will_do_in_this_process():
    seen = []

    def fn(config, budget):
        seen.append((config["x"], budget))
        return {"loss": config["x"], "info": {"pid": os.getpid()}}

    best = minimised(fn)
    assert len(seen) == 17
    assert best.config["x"] == min(x for x, budget in seen if budget == 9)


def test_what_fails_is_not_the_best_and_ends_nothing():
    def fn(config, budget):
        if config["x"] < 0.5:
            raise RuntimeError("as told")
        return config["x"]

    assert minimised(fn).config["x"] >= 0.5
    assert minimised(lambda config, budget: None) is None


def test_the_first_failure_is_told(caplog):
    assert minimised(lambda config, budget: config["y"]) is None
    (record,) = caplog.records
    assert record.getMessage().startswith("fn failed with {'x': ")
    assert "KeyError: 'y'" in record.getMessage()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fn": 3}, "fn=3 must be a function"),
        ({"n_iterations": None}, "n_iterations=None must be a whole number"),
        ({"loss_threshold": float("nan")}, "loss_threshold=nan must be a number"),
        ({"loss_threshold": "low"}, "loss_threshold='low' must be a number"),
    ],
)
def test_what_cannot_be_is_told_before_anything_begins(url, options, words):
    with pytest.raises(InvalidArgumentError, match=words):
        minimised(**{"fn": quadratic, "storage": url} | options)
    assert Experiment.names(url) == {}


def test_a_metric_is_maximised_and_a_constraint_kept():
    metrics = [
        {"name": "accuracy", "objective": "maximize"},
        {"name": "latency", "strategy": "constraint", "threshold": 0.5},
    ]

    def fn(config, budget):
        return {"loss": config["x"], "metrics": {"accuracy": config["x"], "latency": config["x"]}}

    best = minimised(fn, metrics=metrics, n_iterations=4)
    assert 0.25 < best.metrics["accuracy"] <= 0.5


def test_workers_are_processes(url):
    best = minimised(with_process, n_workers=3, n_iterations=4, storage=url, name="e")
    assert best.budget == 9
    with Experiment.open(url, "e") as experiment:
        processes = {run.info for run in experiment.result().get_all_runs()}
    assert len(processes) == 3
    assert os.getpid() not in processes


def test_a_process_that_dies_costs_one_evaluation():
    best = minimised(dying, n_workers=2, n_iterations=3)
    assert best.config["x"] <= 0.5


def test_what_no_process_can_be_given_is_one_error():
    with pytest.raises(InvalidArgumentError, match="needs a child process that can be given the worker"):
        minimised(lambda config, budget: 0.5, n_workers=2)


def test_the_same_call_again_returns_at_once_and_a_larger_one_goes_on(url, tmp_path):
    counted = Counted(tmp_path / "calls")
    first = minimised(counted, storage=url, name="counted")
    assert counted.count == 17
    assert minimised(counted, storage=url, name="counted") == first
    assert counted.count == 17
    minimised(counted, storage=url, name="counted", n_iterations=3, n_workers=2)
    assert counted.count == 20
    assert minimised(counted, storage=url, name="counted", n_iterations=1).budget == 9
    minimised(counted, storage=url, name="other", n_iterations=1)
    assert counted.count == 33


def test_the_same_name_with_other_settings_is_refused(url):
    minimised(quadratic, storage=url)
    with pytest.raises(RunDiffersError, match=r"experiment .quadratic. cannot go on .*: max_budget was 9 and is 27; "):
        minimised(quadratic, storage=url, max_budget=27)
    with pytest.raises(RunDiffersError, match="seed was 1 and is 2"):
        minimised(quadratic, storage=url, seed=2)
    with pytest.raises(RunDiffersError, match=r"settings: eta was 'not given' and is 2; call it as before, or choose"):
        minimised(quadratic, storage=url, eta=2)
    assert minimised(quadratic, storage=url, seed=None).budget == 9


def test_the_timeout_ends_what_hangs_in_another_process():
    begin = time.monotonic()
    assert minimised(hanging, n_workers=2, timeout=2) is None
    assert time.monotonic() - begin < LIMIT


def test_what_the_timeout_cut_off_is_offered_again(url, tmp_path):
    minimised(hanging, n_workers=2, timeout=2, storage=url, name="e")
    with Experiment.open(url, "e") as experiment:
        assert experiment.suggestions() == []
        assert experiment.suggest(timeout=LIMIT).attempt in (1, 2)


def test_a_time_limit_kills_what_hangs_even_with_one_worker(url):
    assert minimised(hanging, job_timeout=0.2, n_iterations=1, storage=url, name="e", optimizer="RandomSearch") is None
    with Experiment.open(url, "e") as experiment:
        assert experiment.progress.observed == {"timed out": 3}


def test_the_user_may_end_it_early():
    calls = []

    def enough(experiment):
        calls.append(experiment.progress.observed["succeeded"])
        return len(calls) == 3

    minimised(quadratic, early_stop_fn=enough)
    assert calls == [1, 2, 3]


def test_it_ends_when_the_loss_is_low_enough_on_the_largest_budget(tmp_path):
    counted = Counted(tmp_path / "calls")
    best = minimised(counted, n_iterations=1000, loss_threshold=0.02)
    assert best.metrics["loss"] <= 0.02
    assert counted.count < 300


def test_no_more_are_open_than_the_queue_may_hold(url, tmp_path):
    running = Running(tmp_path)
    minimised(running, n_workers=3, max_queue_len=1, storage=url, name="one")
    assert running.most_at_a_time == 1
    with Experiment.open(url, "one") as experiment:
        assert experiment.parallel_bandwidth == 1
        assert experiment.progress.observed == {"succeeded": 17}


def test_another_process_looks_on_while_it_runs(url, tmp_path):
    held = Held(tmp_path / "go")
    with ThreadPoolExecutor(1) as pool:
        looks = pool.submit(look_on, url, held.go)
        best = minimised(held, n_workers=2, storage=url, name="held")
    assert looks.result() == {"observed": {"succeeded": 9}, "open": [3.0, 3.0], "best": 1.0, "runs": 9}
    assert best.budget == 9


def look_on(url, go):
    """Look in a process of its own while all that goes beyond the first rung waits, and let that go on."""
    script = "import sys; from tests.interfaces.fmin_functions import look; sys.stdout.write(look(*sys.argv[1:]))"
    root = Path(__file__).parents[2]
    try:
        wait_until(lambda: len(list(go.parent.glob("held.*"))) == 2, "both processes wait")
        return json.loads(subprocess.check_output([sys.executable, "-c", script, url, "held"], text=True, cwd=root))
    finally:
        go.touch()


def test_an_interrupt_gives_back_what_runs(url):
    def fn(config, budget):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        minimised(fn, storage=url, name="e")
    with Experiment.open(url, "e") as experiment:
        assert experiment.suggestions() == []
        assert experiment.suggest().attempt == 2


def test_an_error_of_a_worker_comes_out(url, tmp_path, monkeypatch):
    monkeypatch.setattr(Experiment, "observe_outcome", _fails)
    with pytest.raises(OSError, match="the disk is full"):
        minimised(quadratic, n_workers=2, storage=url)


def _fails(*arguments):
    raise OSError("the disk is full")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_workers": 0}, "n_workers=0 must be a whole number of at least 1"),
        ({"timeout": 0}, "timeout=0 must be greater than 0"),
        ({"max_queue_len": 0}, "parallel_bandwidth=0 must be a whole number of at least 1"),
        ({"n_iterations": 0}, "n_iterations=0 must be"),
        ({"storage": "nosql://x"}, "storage='nosql:...' must be the url of a database"),
    ],
)
def test_bad_arguments_are_one_error(options, words):
    with pytest.raises(InvalidArgumentError) as error:
        minimised(quadratic, **options)
    assert words in str(error.value)
