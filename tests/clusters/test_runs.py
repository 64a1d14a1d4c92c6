"""Runs on real schedulers: from the submission to an empty queue, whatever happens to their tasks."""

from __future__ import annotations

import pickle
import re
import shutil

import pytest

from hpbandster_ng.engine.events import EndJob, JobFinished
from hpbandster_ng.interfaces.cluster.scheduler import Standing
from hpbandster_ng.interfaces.cluster.schedulers import SCHEDULERS
from hpbandster_ng.storage.journal import JournalStorage
from tests.clusters.conftest import ROOT
from tests.e2e.test_killed_masters import assert_nothing_is_done_twice
from tests.engine.driver import of_type

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

RUN = "run"
NUM_JOBS = 12
"""Of the test's script."""


class Run:
    """The run of the test's script, whose evaluations wait at a gate."""

    def __init__(self, user):
        self.user = user
        self.directory = user.folder / f"hpbandster_ng_{RUN}"
        self.directory.mkdir()

    def let_pass(self, number):
        """So many evaluations; None opens the gate."""
        gate = self.directory / "gate"
        if number is None:
            gate.unlink()
        else:
            gate.write_text(str(number))

    @property
    def log(self):
        return list(JournalStorage(self.directory).read())

    def wait_for_jobs(self, number):
        self.user.wait_for(lambda: len(of_type(self.log, JobFinished)) >= number, f"{number} jobs are done")

    def num_resumed(self, job):
        return len(re.findall(r" goes on from \d+ events ", self.user.log(job, 1)))

    def check(self):
        """All is done, once, and saved."""
        self.user.wait_for_empty_queue()
        result = pickle.loads((self.directory / "results.pkl").read_bytes())
        assert len(result.get_all_runs()) == NUM_JOBS, self.user.logs()
        assert all(run.loss is not None for run in result.get_all_runs())
        assert len(of_type(self.log, EndJob)) == NUM_JOBS
        assert_nothing_is_done_twice(self.log)
        assert not list(self.directory.glob("HPB_run*")), "credentials are left"


@pytest.fixture
def run(user):
    return Run(user)


def test_an_old_script_runs_to_its_end_by_the_job_script(cluster, user):
    script = shutil.copy(ROOT / "tests" / "clusters" / "old_script.py", user.folder)
    job_script = ROOT / "cluster_scripts" / f"{cluster.name}.sh"
    job = user.call(*cluster.array(3), job_script, script).strip().split(".")[0]
    user.wait_for_empty_queue()
    result = pickle.loads((user.folder / f"hpbandster_ng_{job}" / "results.pkl").read_bytes())
    assert len(result.get_all_runs()) == 6, user.logs()
    end = f"it is over, since its master, task {cluster.task(job, 1)}, has ended with exit code 0; nothing more to do"
    for number in (2, 3):
        assert user.log(job, number).splitlines()[-1].endswith(end)


def test_lost_and_requeued_tasks_cost_nothing(cluster, user, run):
    run.let_pass(4)
    job = user.submit("--run-id", RUN, "--workers", 3)
    run.wait_for_jobs(4)
    cluster.kill(cluster.task(job, 2))
    cluster.requeue(cluster.task(job, 3))
    cluster.requeue(cluster.task(job, 1))
    user.wait_for(lambda: run.num_resumed(job) == 1, "the master is back")
    run.let_pass(None)
    run.check()


@pytest.mark.parametrize("cluster", ["slurm"], indirect=True)
def test_tasks_that_are_preempted_or_lose_their_node_are_started_again(cluster, user, run):
    run.let_pass(3)
    job = user.submit("--run-id", RUN, "--workers", 3)
    run.wait_for_jobs(3)
    cluster.preempt()
    user.wait_for(lambda: run.num_resumed(job) == 1, "the master is back from its preemption")
    with cluster.without_node_of(cluster.task(job, 1)):
        user.wait_for(lambda: run.num_resumed(job) == 2, "the master is back on another node")
        run.let_pass(None)
        run.check()


def test_a_worker_that_is_late_for_one_master_works_for_the_next(cluster, user, run):
    run.let_pass(2)
    job = user.submit("--run-id", RUN, "--workers", 1)
    run.wait_for_jobs(2)
    cluster.requeue(cluster.task(job, 1))
    user.wait_for(lambda: run.num_resumed(job) == 1, "the master is back")
    run.let_pass(None)
    run.check()


def test_a_master_that_is_killed_for_good_frees_its_workers_and_can_be_submitted_again(cluster, user, run):
    run.let_pass(3)
    job = user.submit("--run-id", RUN, "--workers", 2)
    run.wait_for_jobs(3)
    cluster.kill(cluster.task(job, 1))
    user.wait_for_empty_queue()
    for number in (2, 3):
        assert f"the task of its master, {cluster.task(job, 1)}, has left the queue" in user.log(job, number)
    run.let_pass(None)
    user.submit("--run-id", RUN, "--workers", 2)
    run.check()


def test_a_run_outlives_the_time_of_its_tasks(cluster, user, run):
    run.let_pass(2)
    short = [part for option in cluster.short_time for part in ("-o", option)]
    job = user.submit("--run-id", RUN, "--workers", 2, *short)
    run.wait_for_jobs(2)
    user.wait_for(lambda: "the time is up" in user.log(job, 1), "the time of the master is up")
    saved = run.directory / "results.pkl"
    assert len(pickle.loads(saved.read_bytes()).get_all_runs()) == 2
    run.let_pass(None)
    run.check()
    assert run.num_resumed(job) == 1
    for number in (2, 3):
        assert "the time is up" in user.log(job, number)


def test_where_a_task_stands(cluster, user, run, monkeypatch):
    run.let_pass(0)
    monkeypatch.setenv("SQUEUE_STATES", "RUNNING")  # what users like to see by default
    job = user.submit("--run-id", RUN, "--workers", 3, "-o", cluster.at_once(1))
    first, second = (cluster.task(job, number) for number in (1, 2))
    scheduler = SCHEDULERS[cluster.name]
    user.wait_for(lambda: scheduler.standing(first) is Standing.QUEUED, "the first task runs")
    user.wait_for(lambda: scheduler.standing(second) is Standing.CROWDED_OUT, "the second one waits")
    assert scheduler.standing(cluster.task(job + "000", 1)) is Standing.GONE


def test_workers_give_way_to_a_master_that_has_lost_its_place_to_one_of_them(cluster, user, run):
    run.let_pass(3)
    job = user.submit("--run-id", RUN, "--workers", 3, "-o", cluster.at_once(2), after=("--lost_after", 1))
    run.wait_for_jobs(3)
    cluster.requeue(cluster.task(job, 1))
    has_lost = lambda: "waits for its master" in user.log(job, 3) or run.num_resumed(job) == 1  # noqa: E731
    user.wait_for(has_lost, "a worker has the master's place, unless the scheduler knows better")
    run.let_pass(None)
    user.wait_for(lambda: run.num_resumed(job) == 1, "the master is back")
    run.check()


def test_a_wrong_interface_is_one_line_and_ends_all_tasks(cluster, user):
    job = user.submit("--workers", 1, "--nic-name", "nic0")
    user.wait_for_empty_queue()
    for number in (1, 2):
        (line,) = user.log(job, number).splitlines()
        assert "nic_name='nic0' must be a network interface of this machine; it has: " in line
