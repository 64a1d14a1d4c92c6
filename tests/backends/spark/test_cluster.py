"""Workers on a standalone cluster, under the contract of backends, and what is theirs alone."""

from __future__ import annotations

import contextlib
import logging
import os
import time

import psutil
import pytest

pytest.importorskip("pyspark", reason="PySpark is not installed (pip install 'hpbandster_ng[spark]')")

from hpbandster_ng.backends.spark import SparkBackend
from hpbandster_ng.engine.events import EndJob, StartJob, WorkerLost
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.testing.backends import LosableWorkersContract
from hpbandster_ng.testing.calling import called, check_order, meanwhile, search, wait_until, wait_until_gone
from hpbandster_ng.testing.evaluations import Acts, begun, let_go_on
from tests.backends.spark.standalone import NEEDS_JAVA, SparkCluster, stopped

pytestmark = [pytest.mark.e2e, pytest.mark.slow, NEEDS_JAVA]


@pytest.fixture(scope="module")
def spark():
    """A session with two executors, each with two cores, and a device of the name 7."""
    with SparkCluster(gpu="7") as cluster, stopped(cluster.session()) as spark:
        yield spark


class TestContract(LosableWorkersContract):
    @pytest.fixture(autouse=True)
    def _on_cluster(self, spark):
        self.spark = spark

    @contextlib.contextmanager
    def opened(self, directory):
        yield SparkBackend(self.spark, Acts, self.n_workers, working_directory=directory)

    def lose(self, pid):
        psutil.Process(pid).parent().kill()  # the executor's Python process, for an executor has several workers

    def test_a_thousand_jobs_of_a_run_end_once_each(self, tmp_path):
        self.n_workers = 4  # a job keeps the driver busy for less time than the executor
        super().test_a_thousand_jobs_of_a_run_end_once_each(tmp_path)


class TellsItsDevices(Acts):
    def compute(self, **job):
        return {"loss": 0.0, "info": os.environ.get("CUDA_VISIBLE_DEVICES")}


def jobs_of(spark):
    """All jobs of the session so far, the newest first, as Spark's interface shows them."""
    jobs = spark.sparkContext._jsc.sc().statusStore().jobsList(None)
    return [jobs.apply(number) for number in range(jobs.size())]


# Jobs of Spark


def test_each_evaluation_is_a_job_with_one_task_in_a_group_of_its_own(spark, tmp_path):
    with called(SparkBackend(spark, Acts, 2, working_directory=tmp_path)) as caller:
        for x in (1, 2, 3):
            start = caller.submit({"x": x})
            caller.end_of(start)
    newest = jobs_of(spark)[:3]
    assert [job.numTasks() for job in newest] == [1, 1, 1]
    groups = {job.jobGroup().get() for job in newest}
    assert len(groups) == 3
    tracker = spark.sparkContext.statusTracker()
    assert [len(tracker.getJobIdsForGroup(group)) for group in groups] == [1, 1, 1]
    assert newest[0].description().get() == f"hpbandster_ng: configuration {start.config_id}, budget 9, attempt 1"


def test_an_evaluation_that_the_user_cancels_costs_its_job_one_attempt(spark, tmp_path):
    events = []

    def cancel():
        wait_until(lambda: begun(tmp_path), "it computes")
        spark.sparkContext.cancelJobGroup(jobs_of(spark)[0].jobGroup().get())
        let_go_on(tmp_path)

    backend = SparkBackend(spark, Acts, 1, working_directory=tmp_path)
    with search(backend, events, "wait") as optimizer, meanwhile(cancel):
        (run,) = optimizer.run(1).get_all_runs()
    assert run.outcome is OutcomeState.SUCCEEDED
    (lost,) = [event for event in events if isinstance(event, WorkerLost)]
    assert "cancelled" in lost.reason
    assert not lost.handed_back
    assert [event.attempt for event in events if isinstance(event, StartJob)] == [1, 2]


def test_two_runs_share_a_session(spark, tmp_path):
    runs = {}

    def run(name):
        (tmp_path / name).mkdir()
        backend = SparkBackend(spark, Acts, 2, working_directory=tmp_path / name)
        with search(backend, []) as optimizer:
            runs[name] = optimizer.run(10).get_all_runs()

    with meanwhile(lambda: run("one")):
        run("two")
    built = [{run.info["built"] for run in runs[name]} for name in ("one", "two")]
    assert not built[0] & built[1]
    assert [len(runs[name]) for name in ("one", "two")] == [10, 10]


def test_an_evaluation_sees_the_device_that_spark_gives_it(spark, tmp_path):
    with called(SparkBackend(spark, TellsItsDevices, 1, working_directory=tmp_path)) as caller:
        assert caller.outcome_of({}).result["info"] == "7"


# What ends an evaluation


def test_who_takes_the_process_along_has_failed_and_another_process_takes_its_place(spark, tmp_path):
    with called(SparkBackend(spark, Acts, 1, working_directory=tmp_path)) as caller:
        caller.outcome_of({"x": 1})
        outcome = caller.outcome_of({"act": "die"})
        assert outcome.state is OutcomeState.FAILED
        assert outcome.error == "the process of the evaluation was killed by SIGKILL, perhaps for want of memory"
        assert caller.outcome_of({"x": 1}).state is OutcomeState.SUCCEEDED
        assert not caller.lost


def test_an_executor_that_dies_costs_what_it_computed_and_spark_does_not_compute_it_again(spark, tmp_path):
    with called(SparkBackend(spark, Acts, 1, working_directory=tmp_path)) as caller:
        caller.submit({"act": "wait"})
        wait_until(lambda: begun(tmp_path), "it computes", caller.take_what_is_there)
        next(each for each in psutil.Process(begun(tmp_path)[0]).parents() if each.name() == "java").kill()
        wait_until(lambda: caller.lost, "it is lost", caller.take_what_is_there)
        assert caller.lost[0].reason == "Spark lost the executor or its Python process"
        wait_until_gone(begun(tmp_path))
        let_go_on(tmp_path)
        assert caller.outcome_of({"x": 1}).state is OutcomeState.SUCCEEDED
        assert len(begun(tmp_path)) == 1


def test_the_timeout_cancels_what_runs_and_keeps_what_is_done(spark, tmp_path):
    events, clock = [], LeapingClock()

    def leap():
        wait_until(lambda: any(isinstance(event, EndJob) for event in events), "the first has ended")
        wait_until(lambda: begun(tmp_path), "the second computes")
        clock.leap(50)

    backend = SparkBackend(spark, Acts, 1, timeout=50, working_directory=tmp_path)
    with search(backend, events, "succeed", "hang", clock=clock) as optimizer:
        with meanwhile(leap):
            result = optimizer.run(2)
        wait_until_gone(begun(tmp_path))
        assert optimizer.run(2).get_all_runs() == result.get_all_runs()
    assert [run.outcome for run in result.get_all_runs()] == [OutcomeState.SUCCEEDED]
    (lost,) = [event for event in events if isinstance(event, WorkerLost)]
    assert (lost.reason, lost.handed_back) == ("timeout=50 seconds are over", True)
    outcomes = [event.report.outcome.state for event in events if isinstance(event, EndJob)]
    assert outcomes == [OutcomeState.SUCCEEDED, OutcomeState.CANCELLED]
    check_order(events)


def test_a_run_with_a_storage_whose_time_was_up_is_gone_on_with(spark, tmp_path):
    events, clock = [], LeapingClock()

    def leap():
        wait_until(lambda: begun(tmp_path), "it computes")
        clock.leap(50)

    settings = {"storage": f"journal:{tmp_path}/log", "clock": clock}
    backend = SparkBackend(spark, Acts, 1, timeout=50, working_directory=tmp_path)
    with search(backend, events, "wait", **settings) as optimizer, meanwhile(leap):
        assert optimizer.run(1).get_all_runs() == []
    let_go_on(tmp_path)
    with search(backend, events, "wait", **settings) as optimizer:
        (run,) = optimizer.run(1).get_all_runs()
    assert run.outcome is OutcomeState.SUCCEEDED
    assert [event.attempt for event in events if isinstance(event, StartJob)] == [1, 2]


class LeapingClock:
    def __init__(self):
        self.leapt = 0.0

    def __call__(self):
        return time.monotonic() + self.leapt

    def leap(self, seconds):
        self.leapt += seconds


# Executors that come and go


def test_there_are_as_many_workers_as_executors_by_default(spark, tmp_path):
    java = spark.sparkContext._jsc.sc()
    with called(SparkBackend(spark, Acts, working_directory=tmp_path)) as caller:
        starts = [caller.submit({"act": "wait"}) for _ in range(2)]
        assert {start.worker for start in starts} == {"spark_0", "spark_1"}
        wait_until(lambda: len(begun(tmp_path)) == 2, "both compute", caller.take_what_is_there)
        let_go_on(tmp_path)
        for start in starts:
            caller.end_of(start)
        kill_executors(java, 1)
        wait_until(lambda: caller.lost, "a worker leaves", caller.take_what_is_there)
        (lost,) = caller.lost
        assert (lost.worker, lost.handed_back) == ("spark_1", True)
        assert lost.reason == "there are fewer executors than before"
        kill_executors(java, 1)
        wait_until(lambda: len(caller.lost) == 2, "all workers have left", caller.take_what_is_there)
        assert caller.lost[1].reason == "no executor is left"
        java.requestExecutors(2)
        assert {caller.submit({"x": 1}).worker for _ in range(2)} == {"spark_2", "spark_3"}


def kill_executors(java, count):
    """For good: Spark starts no others instead."""
    ids = java.getExecutorIds()
    java.killExecutors(ids.take(count))


def test_more_workers_than_tasks_at_a_time_are_warned_of(spark, tmp_path, caplog):
    caplog.set_level(logging.WARNING, "hpbandster_ng")
    with called(SparkBackend(spark, Acts, 5, working_directory=tmp_path)) as caller:
        wait_until(lambda: caplog.messages, "it is warned of", caller.take_what_is_there)
    (message,) = caplog.messages
    assert message == (
        "parallelism=5, but the 2 executors of this Spark session run 4 tasks at a time; the others wait"
    )
