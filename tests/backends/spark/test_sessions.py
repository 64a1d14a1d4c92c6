"""Sessions that compute in their own process, sessions that cannot be used, and what else needs no cluster."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import ConfigSpace
import psutil
import pytest

pytest.importorskip("pyspark", reason="PySpark is not installed (pip install 'hpbandster_ng[spark]')")

from hpbandster_ng.backends.evaluation import Call
from hpbandster_ng.backends.evaluator import Evaluator
from hpbandster_ng.backends.factory import WorkerFactory
from hpbandster_ng.backends.spark import SparkBackend, task
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.errors import CommunicationError, InvalidArgumentError
from hpbandster_ng.optimizers import BOHB
from hpbandster_ng.testing.calling import called, meanwhile, search, wait_until, wait_until_gone
from hpbandster_ng.testing.evaluations import Acts, begun, let_go_on
from tests.backends.spark.standalone import NEEDS_JAVA, ROOT, session, stopped

# PySpark 3.5 leaves its sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

SPACE = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})


@pytest.fixture
def local():
    """Makes a session that ends with the test."""
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(stopped(session("local[2]", settings)))


class Scaled(Worker):
    def __init__(self, scale, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def compute(self, config_id, config, budget, working_directory):
        return {
            "loss": self.scale * config["x"],
            "info": [self.run_id, os.getpid(), str(Path.cwd()), working_directory],
        }


class WithoutCompute:
    pass


# Sessions that cannot be used


def test_what_is_no_session_is_refused():
    with pytest.raises(InvalidArgumentError, match="spark='local' must be a SparkSession; "):
        SparkBackend("local", Acts)


def test_a_session_of_spark_connect_is_recognised_and_told_what_to_use():
    """In a process of its own, since one that has imported Spark Connect may be taken for its client."""
    pytest.importorskip("grpc", reason="Spark Connect is not installed (pip install 'pyspark[connect]')")
    script = """
from pyspark.sql.connect.session import SparkSession
from hpbandster_ng.backends.spark import SparkBackend
try:
    SparkBackend(SparkSession.__new__(SparkSession), dict)  # which looks for no server, as its builder would
except ValueError as error:
    print(error)
"""
    command = [sys.executable, "-W", "ignore", "-c", script]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=True).stdout
    assert "is a session of Spark Connect, which has no SparkContext" in answer
    assert "SparkSession.builder.master(...).getOrCreate()" in answer


@pytest.mark.e2e
@NEEDS_JAVA
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"worker_class": Acts()}, ["worker_class=<", "must be a class", "worker_kwargs"]),
        ({"parallelism": 0}, ["parallelism=0", "at least 1", "None takes as many as there are executors"]),
        ({"timeout": 0}, ["timeout=0", "greater than 0", "None means no limit"]),
        ({"worker_kwargs": {"lock": threading.Lock()}}, ["worker_class=<", "cannot be pickled with its worker_kwargs"]),
    ],
)
def test_bad_arguments_are_one_error_that_names_them(local, arguments, words):
    with pytest.raises(InvalidArgumentError) as error:
        SparkBackend(**{"spark": local(), "worker_class": Acts} | arguments).start(lambda: 0.0)
    for word in words:
        assert word in str(error.value)


@pytest.mark.e2e
@NEEDS_JAVA
def test_a_session_that_is_stopped_or_mixes_up_jobs_is_an_error_at_the_start(local, monkeypatch):
    spark = local()
    monkeypatch.setenv("PYSPARK_PIN_THREAD", "false")
    with pytest.raises(InvalidArgumentError, match="PYSPARK_PIN_THREAD='false' mixes the jobs of threads up"):
        SparkBackend(spark, Acts).start(lambda: 0.0)
    monkeypatch.delenv("PYSPARK_PIN_THREAD")
    spark.stop()
    with pytest.raises(InvalidArgumentError, match=r"spark=<.*> is stopped; SparkSession"):
        SparkBackend(spark, Acts).start(lambda: 0.0)


@pytest.mark.e2e
@NEEDS_JAVA
def test_a_session_that_is_stopped_in_the_middle_is_one_error_of_the_run(local, tmp_path):
    spark = local()

    def stop():
        wait_until(lambda: begun(tmp_path), "it computes")
        spark.stop()

    backend = SparkBackend(spark, Acts, working_directory=tmp_path)
    with (
        pytest.raises(CommunicationError, match="the Spark session was stopped"),
        search(backend, [], "hang") as optimizer,
        meanwhile(stop),
    ):
        optimizer.run(1)
    wait_until_gone(begun(tmp_path))


# What is built, and where


@pytest.mark.e2e
@NEEDS_JAVA
def test_a_run_needs_the_class_and_no_name(local):
    backend = SparkBackend(local(), Scaled, 2, worker_kwargs={"scale": 2})
    with BOHB(configspace=SPACE, min_budget=1, max_budget=9, backend=backend) as bohb:
        result = bohb.run(2)
    configs = result.get_id2config_mapping()
    assert len(result.get_all_runs()) == 13 + 4
    assert all(run.loss == 2 * configs[run.config_id]["config"]["x"] for run in result.get_all_runs())
    assert len({run.info[1] for run in result.get_all_runs()}) <= 2
    for run_id, _, directory, working_directory in (run.info for run in result.get_all_runs()):
        assert run_id == "run"
        assert str(Path(working_directory).parent) == directory


@pytest.mark.e2e
@NEEDS_JAVA
def test_a_class_of_a_notebook_needs_no_module_and_one_executor_is_one_worker(local):
    class OfTheNotebook(Acts):
        def compute(self, config, **job):
            return {"loss": config["x"] / 2, "info": None}

    with called(SparkBackend(local(), OfTheNotebook)) as caller:
        starts = [caller.submit({"x": 1.0}), caller.submit({"x": 2.0})]
        assert [caller.end_of(start).result["loss"] for start in starts] == [0.5, 1.0]
        assert {start.worker for start in starts} == {"spark_0"}


@pytest.mark.e2e
@NEEDS_JAVA
@pytest.mark.parametrize(
    ("name", "worker_kwargs", "words"),
    [
        ("Scaled", {"size": 2}, ["Scaled", "cannot be built with worker_kwargs={'size': 2}", "TypeError", "'scale'"]),
        ("WithoutCompute", {}, ["WithoutCompute", "has no method compute"]),
        ("OnlyHere", {}, ["OnlyHere", "cannot be loaded on an executor", "addPyFile", "No module named 'only_here'"]),
    ],
)
def test_what_cannot_be_built_is_one_error_of_the_run(local, tmp_path, monkeypatch, name, worker_kwargs, words):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "only_here.py").write_text("class OnlyHere: pass")
    import only_here

    classes = {"Scaled": Scaled, "WithoutCompute": WithoutCompute, "OnlyHere": only_here.OnlyHere}
    backend = SparkBackend(local(), classes[name], 2, worker_kwargs=worker_kwargs)
    with (
        pytest.raises(InvalidArgumentError) as error,
        BOHB(SPACE, min_budget=1, max_budget=9, backend=backend) as bohb,
    ):
        bohb.run(1)
    for word in ["worker_class=<", *words]:
        assert word in str(error.value)


@pytest.mark.e2e
@NEEDS_JAVA
@pytest.mark.parametrize(
    ("there", "words"),
    [
        ("raise ImportError('none is here')", ["on which nothing can be evaluated; they need hpb", "none is here"]),
        ("__version__ = '0.0.1'", ["has executors with hpbandster_ng 0.0.1", "the version of the driver, there, too"]),
    ],
)
def test_executors_without_this_package_are_one_error_of_the_run(local, tmp_path, there, words):
    """There is none, or one of another version, as far as its first file tells."""
    package = tmp_path / "hpbandster_ng"
    package.mkdir()
    (package / "__init__.py").write_text(f"__path__.append({str(ROOT / 'hpbandster_ng')!r})\n{there}")
    spark = local(**{"spark.executorEnv.PYTHONPATH": str(tmp_path)})
    with called(SparkBackend(spark, Acts)) as caller, pytest.raises(InvalidArgumentError) as error:
        caller.outcome_of({"x": 1})
    for word in ["spark=<", *words]:
        assert word in str(error.value)


@pytest.mark.e2e
@NEEDS_JAVA
def test_a_python_process_that_dies_where_spark_tries_nothing_again_is_lost(local, tmp_path):
    with called(SparkBackend(local(), Acts, working_directory=tmp_path)) as caller:
        assert caller.outcome_of({"x": 1}).state is OutcomeState.SUCCEEDED
        caller.submit({"act": "wait"})
        wait_until(lambda: begun(tmp_path), "it computes", caller.take_what_is_there)
        psutil.Process(begun(tmp_path)[0]).parent().kill()
        wait_until(lambda: caller.lost, "it is lost", caller.take_what_is_there)
        assert "Python worker exited unexpectedly" in caller.lost[0].reason
        wait_until_gone(begun(tmp_path))
        let_go_on(tmp_path)
        assert caller.outcome_of({"x": 1}).state is OutcomeState.SUCCEEDED


def test_a_worker_that_nobody_calls_is_given_up(monkeypatch):
    monkeypatch.setattr(task, "_IDLE_LIMIT", 0.01)
    evaluator = Evaluator(WorkerFactory(Acts), isolate=True)
    pid = evaluator.evaluate(Call((0, 0, 0), {"x": 1}, 9.0, "config")).result["info"]["pid"]
    task._keep(("run",), evaluator)
    wait_until_gone([pid])
    assert task._taken(("run",)) is None


def test_a_worker_that_is_called_is_kept():
    evaluator = Evaluator(WorkerFactory(Acts))
    task._keep(("run",), evaluator)
    assert task._taken(("run",)) is evaluator
    assert task._taken(("run",)) is None
