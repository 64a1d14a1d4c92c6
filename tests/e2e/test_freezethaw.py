"""FreezeThaw on workers in real processes: a model decides, a worker dies, and the logs tell all of it."""

from __future__ import annotations

import re
from collections import Counter

import ConfigSpace
import pytest

from hpbandster_ng.core.result import json_result_logger, logged_results_to_HBS_result
from hpbandster_ng.engine.events import EndJob, JobFinished, QueueJob, StartJob, WorkerLost
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.optimizers.freezethaw import FreezeThaw
from tests.waiting import LIMIT, wait_until

pytestmark = pytest.mark.e2e


@pytest.fixture
def master(nameserver, stack, log, tmp_path):
    master = FreezeThaw(
        ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)}),
        min_budget=1,
        max_budget=9,
        run_id="e2e",
        working_directory=tmp_path,
        nameserver=nameserver.host,
        nameserver_port=nameserver.port,
        result_logger=json_result_logger(str(tmp_path / "logs")),
        observers=[log],
        worker_timeout=LIMIT,
        seed=1,
    )
    return stack.enter_context(master)


def queued(events):
    return sum(event.job.budget for event in events if isinstance(event, QueueJob))


def computed(worker):
    """What a worker has begun: configuration and budget, as it printed them itself."""
    found = re.findall(r"^computing \((\d+), (\d+), (\d+)\) (\S+)", worker.output, re.MULTILINE)
    return [((int(i), int(rung), int(number)), float(budget)) for i, rung, number, budget in found]


def runs_of(result):
    return {(run.config_id, run.budget): (run.loss, run.error_logs) for run in result.get_all_runs()}


def test_the_job_of_a_killed_worker_comes_back_and_nothing_runs_twice(master, start_worker, log, background, tmp_path):
    workers = [start_worker(), start_worker()]
    plan = master.plan(2)
    first = master.run(n_iterations=2, min_n_workers=2)
    assert plan.total_budget <= queued(log) < plan.total_budget + 9

    num_before, num_ends = len(log), len(log.of(EndJob))
    victim = start_worker("--hold", tmp_path / "never")
    run = background(master.run, total_budget=60, min_n_workers=3)
    victim.wait_for("computing")
    wait_until(lambda: len(log.of(EndJob)) >= num_ends + 5, "the others go on")
    victim.popen.kill()
    result = run.result(LIMIT)
    assert 60 - 9 < queued(log[num_before:]) <= 60

    (lost,) = computed(victim)
    assert len(log.of(WorkerLost)) == 1
    assert [(start.key, start.attempt) for start in log.of(StartJob) if start.attempt > 1] == [(lost, 2)]
    reports = [event.report for event in log.of(EndJob)]
    assert {report.outcome.state for report in reports} == {OutcomeState.SUCCEEDED}
    assert Counter(key for worker in workers for key in computed(worker)) == dict.fromkeys(runs_of(result), 1)
    assert set(Counter((report.job.config["x"], report.job.budget) for report in reports).values()) == {1}
    assert {event.worker.rsplit(".", 1)[-1] for event in log.of(JobFinished)} == {
        str(worker.popen.pid) for worker in workers
    }

    jobs = [report.job for report in reports]
    assert {job.budget for job in jobs} == {1, 3, 9}
    assert sum(job.config_info["model_based_pick"] for job in jobs) >= 5
    assert any(len(datum.results) > 1 for datum in result.data.values())
    assert runs_of(first).items() <= runs_of(result).items()
    loaded = logged_results_to_HBS_result(tmp_path / "logs")
    assert runs_of(loaded) == runs_of(result)
    assert loaded.get_id2config_mapping() == result.get_id2config_mapping()
    assert loaded.get_incumbent_id() == result.get_incumbent_id()
