"""A run as MLflow shows it, by a real server."""

from __future__ import annotations

import logging
import math
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import ConfigSpace
import pytest

pytest.importorskip("mlflow", reason="MLflow is not installed (pip install mlflow)")

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.backends.processes import ProcessBackend
from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.integrations.mlflow import MlflowObserver
from hpbandster_ng.optimizers import BOHB, RandomSearch
from tests.integrations.mlflow_workers import LoggingWorker
from tests.integrations.spaces import SPACE
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

PARENT = "tags.mlflow.parentRunId"


def compute(config, budget, **_):
    if config["x"] > 0.8:
        raise ValueError("x is too large")
    info = {"accuracy": 1 - config["x"], "time": {"train": 3, "test": {"cpu": 0.5}}, "loss": 7, "notes": "none"}
    return {"loss": config["x"] + 1 / budget, "info": info}


def search(tmp_path, observer, *, kind=BOHB, function=compute, **settings):
    settings = {"run_id": "first", "min_budget": 1, "max_budget": 9, "seed": 0, **settings}
    settings.setdefault("backend", InProcessBackend(function, str(tmp_path)))
    return kind(SPACE, observers=[observer], **settings)


def found(mlflow, experiment, kind=None):
    """The runs of an experiment as rows, by their names; all, or those of a kind."""
    frame = mlflow.search_runs(experiment_names=[experiment])
    return [row for row in frame.to_dict("records") if kind is None or kind(row)]


def is_child(row):
    return row["tags.mlflow.runName"].startswith("config_")


def is_parent(row):
    return not isinstance(row.get(PARENT), str)


def test_a_run_is_a_parent_and_each_configuration_its_child(mlflow, experiment, tmp_path):
    with search(tmp_path, MlflowObserver()) as optimizer:
        result = optimizer.run(n_iterations=2)
        (parent,) = found(mlflow, experiment, is_parent)
        assert parent["status"] == "RUNNING"
    (parent,) = found(mlflow, experiment, is_parent)
    assert (parent["tags.mlflow.runName"], parent["status"]) == ("first", "FINISHED")
    assert (parent["params.optimizer"], parent["params.eta"]) == ("BOHB", "3")
    trajectory = result.get_incumbent_trajectory()
    assert parent["metrics.incumbent_loss"] == trajectory["losses"][-1]
    assert parent["metrics.incumbent_budget"] == trajectory["budgets"][-1]
    children = {row["tags.mlflow.runName"]: row for row in found(mlflow, experiment, is_child)}
    assert len(children) == len(result.data)
    for config_id, datum in result.data.items():
        child = children["config_{}_{}_{}".format(*config_id)]
        assert child[PARENT] == parent["run_id"]
        assert (child["params.x"], child["params.kind"]) == (str(datum.config["x"]), datum.config["kind"])
        assert child["tags.hpbandster_ng.iteration"] == child["tags.hpbandster_ng.bracket"] == str(config_id[0])
        assert child["tags.hpbandster_ng.model_based_pick"] == str(datum.config_info["model_based_pick"])
        runs = result.get_runs_by_id(config_id)
        assert child["tags.hpbandster_ng.state"] == runs[-1].outcome.value
        if runs[-1].is_success:
            assert child["status"] == "FINISHED"
            assert child["metrics.time.test.cpu"] == 0.5
            assert child["metrics.info.loss"] == 7
        else:
            assert child["status"] == "FAILED"
            assert "x is too large" in child["tags.hpbandster_ng.error"]
        history = mlflow.MlflowClient().get_metric_history(child["run_id"], "loss")
        told = [(point.step, point.value) for point in sorted(history, key=lambda point: point.step)]
        assert told == [(run.budget, run.loss) for run in runs if run.is_success]
    assert "FAILED" in Counter(row["status"] for row in children.values())


def test_budgets_that_are_no_whole_numbers_are_steps_by_their_rank(mlflow, experiment, tmp_path):
    with search(tmp_path, MlflowObserver(), min_budget=1 / 9, max_budget=1) as optimizer:
        result = optimizer.run(n_iterations=1)
    (child,) = (row for row in found(mlflow, experiment, is_child) if row["metrics.budget"] == 1)
    history = mlflow.MlflowClient().get_metric_history(child["run_id"], "budget")
    assert sorted((point.step, point.value) for point in history) == [*enumerate(result.HB_config["budgets"])]


def test_the_active_run_is_the_parent_and_stays_open_and_names_that_are_taken_get_a_suffix(
    mlflow, experiment, tmp_path
):
    with mlflow.start_run(run_name="mine") as active:
        mlflow.log_param("eta", "mine")
        for seed in (1, 2):
            with search(tmp_path, MlflowObserver(), seed=seed) as optimizer:
                optimizer.run(n_iterations=1)
            assert mlflow.active_run().info.run_id == active.info.run_id
            assert mlflow.get_run(active.info.run_id).info.status == "RUNNING"
        mlflow.log_param("afterwards", 1)
    rows = found(mlflow, experiment)
    (parent,) = filter(is_parent, rows)
    assert parent["tags.mlflow.runName"] == "mine"
    assert parent["params.eta"] == "mine"
    assert Counter(value for name, value in parent.items() if name.startswith("params.eta_")) == {"3": 2}
    assert {value for name, value in parent.items() if name.startswith("params.seed")} == {"1", "2"}
    assert sum(name.startswith("metrics.incumbent_loss") for name in parent) == 2
    assert {row[PARENT] for row in filter(is_child, rows)} == {parent["run_id"]}
    assert Counter(row["tags.mlflow.runName"] for row in filter(is_child, rows))["config_0_0_0"] == 2


def check_logged(mlflow, experiment, result):
    """What :class:`LoggingWorker` logged is where it belongs, and what we logged beside it."""
    rows = found(mlflow, experiment)
    children = list(filter(is_child, rows))
    assert len(children) == len(result.data)
    for row in children:
        config_id = tuple(map(int, row["tags.hpbandster_ng.config_id"].split("_")))
        run = result.get_runs_by_id(config_id)[-1]
        assert row["params.computes"] == row["tags.hpbandster_ng.config_id"]
        assert (row["params.x"], row["params.kind"]) == ("another x", result[config_id].config["kind"])
        assert row["tags.budget"] == str(run.budget)
        suffix = row["tags.hpbandster_ng.run"][:8]
        assert row[f"params.x_{suffix}"] == str(result[config_id].config["x"])
        assert row["metrics.loss"] == 101
        assert math.isclose(row[f"metrics.loss_{suffix}"], run.loss)
        nested = [other for other in rows if other.get(PARENT) == row["run_id"]]
        assert len(nested) == len(result.get_runs_by_id(config_id))
    assert sum(map(is_parent, rows)) == 1


def test_compute_logs_to_the_child_run_in_other_processes(mlflow, experiment, monkeypatch, tmp_path):
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID")  # as on another machine
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    backend = ProcessBackend(LoggingWorker, n_workers=2, working_directory=str(tmp_path))
    with search(tmp_path, MlflowObserver(), backend=backend, max_budget=3) as optimizer:
        result = optimizer.run(n_iterations=1)
    check_logged(mlflow, experiment, result)


def test_compute_logs_to_the_child_run_in_threads_of_one_process(mlflow, experiment, tmp_path):
    with NameServer(run_id="threads", port=0, working_directory=str(tmp_path)) as nameserver:
        address = {"run_id": "threads", "nameserver": nameserver.host, "nameserver_port": nameserver.port}
        workers = [LoggingWorker(**address, id=number) for number in range(3)]
        for worker in workers:
            worker.load_nameserver_credentials(str(tmp_path))
            worker.run(background=True)
        settings = {**address, "working_directory": str(tmp_path), "backend": None}
        with mlflow.start_run(), search(tmp_path, MlflowObserver(), max_budget=3, **settings) as optimizer:
            result = optimizer.run(n_iterations=2, min_n_workers=3)
        for worker in workers:
            worker.shutdown()
    check_logged(mlflow, experiment, result)


def test_what_was_logged_but_not_ended_is_ended_by_the_next_master(mlflow, experiment, tmp_path):
    storage = f"journal:{tmp_path}/run"
    with search(tmp_path, MlflowObserver(), storage=storage, kind=RandomSearch, max_budget=1) as optimizer:
        optimizer.run(n_iterations=2)
    row = next(row for row in found(mlflow, experiment, is_child) if row["status"] == "FINISHED")
    mlflow.MlflowClient().update_run(row["run_id"], "RUNNING")  # as a kill between the two calls leaves it
    with search(tmp_path, MlflowObserver(), storage=storage, kind=RandomSearch, max_budget=1) as optimizer:
        optimizer.run(n_iterations=2)
    assert mlflow.get_run(row["run_id"]).info.status == "FINISHED"


def test_a_master_that_was_killed_is_gone_on_with_in_the_same_runs(mlflow, experiment, mlflow_server, tmp_path):
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "tests.integrations.mlflow_workers", mlflow_server.url, experiment, str(tmp_path)]
    first = subprocess.Popen(command, cwd=root)
    wait_until((tmp_path / "hangs").exists, "the run hangs", limit=60)
    wait_until(
        lambda: sum(row.get("tags.hpbandster_ng.state") == "succeeded" for row in found(mlflow, experiment)) >= 3,
        "some of its evaluations are in MLflow",
    )
    first.kill()
    first.wait()
    (tmp_path / "go on").touch()
    subprocess.run(command, cwd=root, check=True, timeout=120)
    rows = found(mlflow, experiment)
    assert sum(map(is_parent, rows)) == 1
    assert {row["status"] for row in rows} == {"FINISHED"}
    counts = Counter(row["tags.hpbandster_ng.config_id"] for row in rows if is_child(row))
    assert counts == {f"0_0_{number}": 1 for number in range(9)}
    histories = [mlflow.MlflowClient().get_metric_history(row["run_id"], "loss") for row in rows if is_child(row)]
    assert Counter(point.step for points in histories for point in points) == {1: 9, 3: 3, 9: 1}
    assert {row["params.x"] for row in rows if is_child(row)} == {"another x"}
    suffix = rows[0]["tags.hpbandster_ng.run"][:8]
    assert all(0 <= float(row[f"params.x_{suffix}"]) <= 1 for row in rows if is_child(row))
    once_more = subprocess.run(command, cwd=root, check=True, timeout=120)
    assert once_more.returncode == 0
    assert len(found(mlflow, experiment)) == len(rows)


def test_an_optimizer_that_is_run_again_after_its_shutdown_goes_on_in_the_same_parent(mlflow, experiment, tmp_path):
    optimizer = search(tmp_path, MlflowObserver(), kind=RandomSearch, max_budget=1)
    for count in (1, 2):
        optimizer.run(n_iterations=1)
        optimizer.shutdown()
        (parent,) = found(mlflow, experiment, is_parent)
        assert parent["status"] == "FINISHED"
        assert len(found(mlflow, experiment, is_child)) == count


def test_several_masters_at_once_share_an_experiment(mlflow, experiment, tmp_path):
    results = {}

    def run(seed):
        with search(tmp_path, MlflowObserver(), run_id=f"run {seed}", seed=seed) as optimizer:
            results[seed] = optimizer.run(n_iterations=1)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    parents = {row["tags.mlflow.runName"]: row["run_id"] for row in found(mlflow, experiment, is_parent)}
    assert set(parents) == {"run 0", "run 1", "run 2"}
    counts = Counter(row[PARENT] for row in found(mlflow, experiment, is_child))
    assert counts == {parents[f"run {seed}"]: len(result.data) for seed, result in results.items()}


@pytest.mark.parametrize("answers", [False, True], ids=["nobody listens", "nobody answers"])
def test_a_server_that_is_away_costs_nothing_but_its_data(mlflow, monkeypatch, caplog, tmp_path, answers):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setattr("hpbandster_ng.integrations.mlflow.observer._GOODBYE", 0.1)
    with socket.socket() as server, caplog.at_level(logging.WARNING, "hpbandster_ng"):
        server.bind(("127.0.0.1", 0))
        if answers:
            server.listen()
        mlflow.set_tracking_uri(f"http://127.0.0.1:{server.getsockname()[1]}")
        with search(tmp_path, MlflowObserver()) as optimizer:
            result = optimizer.run(n_iterations=3)
    assert sum(run.is_success for run in result.get_all_runs()) == 19
    told = [record.getMessage() for record in caplog.records if "MLflow" in record.getMessage()]
    assert len(told) == 2, told
    assert "MLflow is not told everything" in told[0]
    assert "MLflow has missed" in told[1]


def test_names_and_values_that_mlflow_refuses_harm_nobody(mlflow, experiment, tmp_path):
    space = ConfigSpace.ConfigurationSpace({"lr:adam=1 ü": (0.0, 1.0)}, seed=0)
    wide = {f"number {i}": float(i) for i in range(1200)} | {"bad@name": 1, "inf": math.inf, "nan": math.nan}
    wide |= dict.fromkeys(("", ".", "..", "/a", "a//b", "a/"), 2)
    observer = MlflowObserver()
    backend = InProcessBackend(lambda **_: {"loss": 0.5, "info": wide}, str(tmp_path))
    with RandomSearch(
        space, run_id="wide", min_budget=1, max_budget=1, backend=backend, observers=[observer]
    ) as search:
        search.run(n_iterations=1)
    (child,) = found(mlflow, experiment, is_child)
    assert "params.lr_adam_1 ü" in child
    assert (child["metrics.number 1199"], child["metrics.bad_name"], child["metrics.loss"]) == (1199, 1, 0.5)
    assert [child[f"metrics.{name}"] for name in ("_", "_.", "_..", "__a", "_a__b", "_a_")] == [2] * 6


def test_the_script_of_the_page_runs(mlflow, mlflow_server, tmp_path):
    root = Path(__file__).resolve().parents[2]
    page = (root / "docs" / "tools.md").read_text(encoding="utf-8")
    script = page.partition("```python\n")[2].partition("```")[0]
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    environment = {**os.environ, "MLFLOW_TRACKING_URI": mlflow_server.url, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 4
    assert done.stdout.count("cpu") == 3
