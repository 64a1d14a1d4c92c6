"""What Prometheus scrapes, over HTTP."""

from __future__ import annotations

import logging
import socket
import urllib.error
import urllib.request

import pytest

pytest.importorskip("prometheus_client", reason="prometheus_client is not installed (pip install prometheus_client)")

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from hpbandster_ng.engine.events import EndJob, QueueJob, RunDescribed, RunResumed, StartJob, WorkerJoined, WorkerLost
from hpbandster_ng.engine.records import Job, JobReport, Outcome, OutcomeState
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.integrations.prometheus import PrometheusObserver
from tests.integrations.logs import run

JOBS = [Job((0, 0, number), 1.0, {"x": 0.5}, {}) for number in range(3)]
BEGIN = [RunDescribed(0.0, "first", {}), *(WorkerJoined(1.0, worker) for worker in "ab")]
QUEUED = [QueueJob(2.0, job) for job in JOBS]
STARTED = [StartJob(3.0, *JOBS[0].key, 1, "a"), StartJob(3.0, *JOBS[1].key, 1, "b")]


def parsed(text):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return parsed(answer.read().decode())


def ended(job, state=OutcomeState.SUCCEEDED, loss=0.5):
    result = {"loss": loss, "info": None} if state is OutcomeState.SUCCEEDED else None
    return EndJob(9.0, JobReport(job, Outcome(state, result), "a", 2.0, 3.0, 5.5))


@pytest.mark.parametrize(
    ("events", "name", "value"),
    [
        (BEGIN, ("hpbandster_workers", "first"), 2),
        ([*BEGIN, *QUEUED], ("hpbandster_jobs", "first", "queued"), 3),
        ([*BEGIN, *QUEUED, *STARTED], ("hpbandster_jobs", "first", "queued"), 1),
        ([*BEGIN, *QUEUED, *STARTED], ("hpbandster_jobs", "first", "running"), 2),
        ([*BEGIN, *QUEUED, *STARTED, WorkerLost(4.0, "a", "gone")], ("hpbandster_jobs", "first", "queued"), 2),
        ([*BEGIN, WorkerLost(4.0, "a", "gone")], ("hpbandster_workers_lost_total", "first"), 1),
        ([*BEGIN, *QUEUED, *STARTED, RunResumed(4.0)], ("hpbandster_workers", "first"), 0),
        ([*BEGIN, *QUEUED, *STARTED, RunResumed(4.0)], ("hpbandster_jobs", "first", "running"), 0),
        ([*BEGIN, *QUEUED, *STARTED, ended(JOBS[0])], ("hpbandster_jobs", "first", "running"), 1),
        ([*BEGIN, ended(JOBS[0])], ("hpbandster_runs_total", "first", "succeeded"), 1),
        ([*BEGIN, ended(JOBS[0], OutcomeState.TIMED_OUT)], ("hpbandster_runs_total", "first", "timed_out"), 1),
        ([*BEGIN, ended(JOBS[0]), ended(JOBS[1])], ("hpbandster_run_seconds_total", "first"), 5),
        ([*BEGIN, ended(JOBS[0]), ended(JOBS[1], loss=0.25)], ("hpbandster_incumbent_loss", "first"), 0.25),
        (BEGIN, ("hpbandster_incumbent_loss", "first"), None),
    ],
)
def test_the_metrics_sum_up_the_log(events, name, value):
    observer = PrometheusObserver()
    for event in events:
        observer(event)
    assert parsed(generate_latest(observer.registry).decode()).get(name) == value


def test_a_run_is_scraped_while_it_goes_on(tmp_path):
    observer, seen = PrometheusObserver(port=0), []
    result = run(tmp_path, observer, lambda event: isinstance(event, EndJob) and seen.append(scrape(observer.port)))
    states = [run.outcome.value for run in result.get_all_runs()]
    totals = [
        sum(told["hpbandster_runs_total", "first", state.value.replace(" ", "_")] for state in OutcomeState)
        for told in seen
    ]
    assert totals == [*range(1, len(states) + 1)]
    last = seen[-1]
    for state in ("succeeded", "failed"):
        assert last["hpbandster_runs_total", "first", state] == states.count(state) > 0
    assert last["hpbandster_incumbent_loss", "first"] == result.get_incumbent_trajectory()["losses"][-1]
    assert last["hpbandster_iterations_total", "first"] == 1
    with pytest.raises(urllib.error.URLError):
        scrape(observer.port)


def test_two_runs_share_a_registry_and_counters_of_a_run_that_goes_on_go_on():
    registry = CollectorRegistry()
    first, second = (PrometheusObserver(registry=registry) for _ in range(2))
    first.replay([*BEGIN, ended(JOBS[0])])
    second(RunDescribed(0.0, "second", {}))
    told = parsed(generate_latest(registry).decode())
    assert told["hpbandster_runs_total", "first", "succeeded"] == 1
    assert told["hpbandster_runs_total", "second", "succeeded"] == 0
    first.close()
    assert ("hpbandster_workers", "first") not in parsed(generate_latest(registry).decode())


def told_by(registry):
    return parsed(generate_latest(registry).decode())


def test_of_two_open_runs_of_one_name_the_second_is_not_taken_for_the_first(tmp_path, caplog):
    registry = CollectorRegistry()
    first = PrometheusObserver(registry=registry)
    for event in [*BEGIN, *QUEUED]:
        first(event)
    with caplog.at_level(logging.ERROR, "hpbandster_ng"):
        result = run(tmp_path, PrometheusObserver(registry=registry))
    assert len(result.get_all_runs()) > 0
    assert caplog.text.count("run_id='first' is shown by this registry already") == 1
    assert "give its PrometheusObserver a name= or a registry of its own" in caplog.text
    assert told_by(registry)["hpbandster_jobs", "first", "queued"] == 3
    first.close()
    second = PrometheusObserver(registry=registry)
    second.replay(BEGIN)
    assert told_by(registry)["hpbandster_jobs", "first", "queued"] == 0


def test_a_name_tells_runs_of_one_name_apart():
    registry = CollectorRegistry()
    first, second = PrometheusObserver(registry=registry), PrometheusObserver(registry=registry, name="second")
    for observer, events in ((first, BEGIN), (second, [*BEGIN, *QUEUED])):
        observer.replay(events)
    told = told_by(registry)
    assert [told["hpbandster_jobs", name, "queued"] for name in ("first", "second")] == [0, 3]


@pytest.mark.parametrize("name", ["", 7])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(InvalidArgumentError, match="name="):
        PrometheusObserver(name=name)


def test_a_port_that_is_taken_costs_the_metrics_and_not_the_run(tmp_path, caplog):
    with socket.socket() as taken, caplog.at_level(logging.ERROR, "hpbandster_ng"):
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run(tmp_path, PrometheusObserver(port=taken.getsockname()[1]))
    assert len(result.get_all_runs()) > 0
    assert "cannot be listened at" in caplog.text
    assert "choose another one" in caplog.text


@pytest.mark.parametrize("port", [-1, 70_000, "80", True])
def test_what_is_no_port_is_refused(port):
    with pytest.raises(InvalidArgumentError, match="port="):
        PrometheusObserver(port=port)
