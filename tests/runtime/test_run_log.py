"""The story of a run, as a log reader gets it."""

from __future__ import annotations

import logging

import ConfigSpace
import pytest

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.engine.events import EndJob, StartJob, WorkerJoined, WorkerLost
from hpbandster_ng.engine.records import Job, JobReport, Outcome, OutcomeState
from hpbandster_ng.optimizers import RandomSearch
from hpbandster_ng.runtime.run_log import RunLog


@pytest.fixture
def story(caplog):
    caplog.set_level(logging.INFO, "hpbandster_ng")
    return lambda level: [record.getMessage() for record in caplog.records if record.levelno >= level]


def run(compute):
    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
    with RandomSearch(
        space, max_budget=1, min_budget=0.1, run_id="log", backend=InProcessBackend(compute)
    ) as optimizer:
        return len(optimizer.run(1).get_all_runs())


def test_a_run_without_failures_gives_no_warning(story):
    count = run(lambda config, budget, **_: {"loss": 0.5, "info": {}})
    assert story(logging.WARNING) == []
    told = story(logging.INFO)
    assert told[:2] == ["worker inprocess joined; there are 1", "iteration 0 begins"]
    assert told[2:] == [f"(0, 0, {i}) on budget 1: loss 0.5" for i in range(count)]


def test_a_mistake_in_compute_is_shown_once_in_full_and_then_counted(story):
    count = run(lambda config, budget, **_: 1 / 0)
    assert count > 1
    first, summary = story(logging.WARNING)
    assert first.startswith("(0, 0, 0) on budget 1: failed:\nTraceback")
    assert first.endswith("ZeroDivisionError: division by zero")
    assert summary == f"of {count} evaluations: {count} failed"
    assert story(logging.INFO)[3] == "(0, 0, 1) on budget 1: failed: ZeroDivisionError: division by zero"


def test_each_kind_of_failure_is_counted(story):
    log = RunLog(logging.getLogger("hpbandster_ng"))
    states = [OutcomeState.TIMED_OUT, OutcomeState.LOST, OutcomeState.TIMED_OUT, OutcomeState.CANCELLED]
    for index, state in enumerate(states):
        outcome = Outcome(state, error="so it was")
        log(EndJob(4.0, JobReport(Job((0, 0, index), 3.0, {}, {}), outcome, "b", 0.0, 3.0, 4.0)))
    log.close()
    assert story(logging.INFO) == [
        "(0, 0, 0) on budget 3: timed out:\nso it was",
        "(0, 0, 1) on budget 3: lost: so it was",
        "(0, 0, 2) on budget 3: timed out: so it was",
        "of 3 evaluations: 2 timed out, 1 lost",
    ]


def test_only_a_worker_lost_in_the_middle_of_a_job_is_a_warning(story):
    log = RunLog(logging.getLogger("hpbandster_ng"))
    job = Job((0, 0, 0), 3.0, {}, {})
    outcome = Outcome(OutcomeState.SUCCEEDED, {"loss": 1.0, "info": None})
    for event in (
        WorkerJoined(0.0, "a"),
        WorkerJoined(0.0, "b"),
        StartJob(1.0, (0, 0, 0), 3.0, 1, "a"),
        WorkerLost(2.0, "a", "its connection closed"),
        StartJob(3.0, (0, 0, 0), 3.0, 2, "b"),
        EndJob(4.0, JobReport(job, outcome, "b", 0.0, 3.0, 4.0)),
        WorkerLost(5.0, "b", "it left"),
    ):
        log(event)
    assert story(logging.WARNING) == ["worker a is gone (its connection closed) in the middle of (0, 0, 0) on budget 3"]
    assert story(logging.INFO)[-1] == "worker b is gone (it left); there are 0"
