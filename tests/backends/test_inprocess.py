from __future__ import annotations

import contextlib
import itertools

import pytest

from hpbandster_ng.backends import inprocess
from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.engine.events import JobFinished, StartJob, WorkerJoined
from hpbandster_ng.engine.records import Job, OutcomeState
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.testing.backends import BackendContract
from hpbandster_ng.testing.evaluations import Acts


@pytest.mark.e2e
class TestContract(BackendContract):
    @contextlib.contextmanager
    def opened(self, directory):
        yield InProcessBackend(Acts().compute, str(directory))


def started(compute, **kwargs):
    backend = InProcessBackend(compute, **kwargs)
    backend.start(itertools.count(100.0).__next__)
    return backend


def submit(backend, i=0, attempt=1, config=None):
    job = Job((0, 0, i), 3.0, {"x": i} if config is None else config, {})
    backend.submit(StartJob(1.0, job.config_id, job.budget, attempt, "inprocess"), job)
    return job


@pytest.fixture
def slept(monkeypatch):
    naps: list[float] = []
    monkeypatch.setattr(inprocess.time, "sleep", naps.append)
    return naps


def good(**kwargs):
    return {"loss": kwargs["config"]["x"], "info": kwargs}


def test_one_worker_joins_once():
    backend = started(good)
    assert backend.next_event(0.0) == WorkerJoined(100.0, "inprocess")
    assert backend.next_event(0.0) is None


def test_jobs_run_in_order_when_events_are_asked_for():
    ran = []
    backend = started(lambda config, **kwargs: ran.append(config["x"]) or {"loss": 0})
    backend.next_event(0.0)
    submit(backend, 1)
    submit(backend, 2)
    assert ran == []
    first, second = backend.next_event(0.0), backend.next_event(0.0)
    assert ran == [1, 2]
    assert isinstance(first, JobFinished)
    assert (first.key, first.attempt, first.worker) == (((0, 0, 1), 3.0), 1, "inprocess")
    assert first.at < second.at


def test_compute_gets_what_a_worker_gets(tmp_path):
    backend = started(good, working_directory=str(tmp_path))
    backend.next_event(0.0)
    job = Job((0, 0, 1), 3.0, {"x": 1}, {})
    backend.submit(StartJob(1.0, *job.key, 1, "inprocess", previous_budget=1.0), job)
    assert backend.next_event(0.0).outcome.result["info"] == {
        "config_id": (0, 0, 1),
        "config": {"x": 1},
        "budget": 3.0,
        "working_directory": str(tmp_path / "config_0_0_1"),
        "previous_budget": 1.0,
    }


def hang(**kwargs):
    while True:
        pass


@pytest.mark.e2e
def test_what_takes_longer_than_its_limit_is_killed():
    backend = started(hang)
    backend.next_event(0.0)
    job = Job((0, 0, 1), 3.0, {"x": 1}, {})
    backend.submit(StartJob(1.0, *job.key, 1, "inprocess", time_limit=0.1), job)
    finished = backend.next_event(0.0)
    assert finished.outcome.state is OutcomeState.TIMED_OUT
    assert "longer than its time limit of 0.1 seconds" in finished.outcome.error
    backend.close(shutdown_workers=True)


def test_a_limit_for_what_cannot_be_pickled_is_one_error():
    backend = started(lambda **kwargs: None)
    backend.next_event(0.0)
    job = Job((0, 0, 1), 3.0, {"x": 1}, {})
    backend.submit(StartJob(1.0, *job.key, 1, "inprocess", time_limit=1.0), job)
    with pytest.raises(
        InvalidArgumentError, match=r"^isolate=True needs a child .*lambda.*; define the worker in a mod"
    ):
        backend.next_event(0.0)


def test_a_compute_that_fails_is_an_outcome():
    backend = started(lambda **kwargs: 1 / 0)
    backend.next_event(0.0)
    submit(backend)
    outcome = backend.next_event(0.0).outcome
    assert outcome.state is OutcomeState.FAILED
    assert "ZeroDivisionError" in outcome.error


def test_what_compute_does_to_its_configuration_stays_there():
    def spoil(config, **kwargs):
        config["layers"].append(99)
        config["more"] = 1
        return {"loss": 0}

    backend = started(spoil)
    backend.next_event(0.0)
    job = submit(backend, config={"layers": [1, 2]})
    backend.next_event(0.0)
    assert job.config == {"layers": [1, 2]}


def test_it_waits_when_there_is_nothing_to_do_instead_of_spinning(slept):
    backend = started(good)
    assert backend.next_event(0.5) is not None
    assert backend.next_event(0.5) is None
    assert slept == [0.5]


def test_a_job_that_the_user_interrupts_is_still_there():
    interrupts = iter([KeyboardInterrupt(), None])

    def compute(**kwargs):
        if error := next(interrupts):
            raise error
        return {"loss": 1}

    backend = started(compute)
    backend.next_event(0.0)
    submit(backend)
    with pytest.raises(KeyboardInterrupt):
        backend.next_event(0.0)
    assert backend.next_event(0.0).outcome.result["loss"] == 1
    assert backend.next_event(0.0) is None


def test_closing_drops_what_waits_and_may_be_done_twice():
    backend = started(good)
    backend.next_event(0.0)
    submit(backend)
    backend.close(shutdown_workers=True)
    backend.close(shutdown_workers=True)
    assert backend.next_event(0.0) is None


def test_started_again_its_worker_joins_again():
    backend = started(good)
    backend.next_event(0.0)
    backend.close(shutdown_workers=False)
    backend.start(lambda: 200.0)
    assert backend.next_event(0.0) == WorkerJoined(200.0, "inprocess")
