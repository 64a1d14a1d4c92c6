"""The dispatcher used by hand, as scripts without any optimizer do."""

from __future__ import annotations

import logging
import queue
import threading

import pytest

from hpbandster_ng.core.dispatcher import Dispatcher, Job
from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.errors import InvalidArgumentError, MasterExistsError, NotPlainError

LIMIT = 20.0


class Toy(Worker):
    def compute(self, config_id, config, budget, working_directory):
        if config.get("raises"):
            raise RuntimeError("as told")
        return {"loss": budget, "info": [config_id, config, working_directory]}


@pytest.fixture
def nameserver():
    with NameServer("run", port=0) as nameserver:
        yield nameserver


@pytest.fixture
def results():
    return queue.Queue()


@pytest.fixture
def counts():
    return queue.Queue()


@pytest.fixture
def dispatcher(nameserver, results, counts):
    dispatcher = Dispatcher(
        results.put, "run", nameserver="127.0.0.1", nameserver_port=nameserver.port, queue_callback=counts.put
    )
    thread = threading.Thread(target=dispatcher.run)
    thread.start()
    yield dispatcher
    dispatcher.shutdown(shutdown_workers=True)
    thread.join(LIMIT)
    assert not thread.is_alive()


@pytest.fixture
def worker(nameserver):
    worker = Toy("run", nameserver_port=nameserver.port)
    worker.run(background=True)
    yield worker
    worker.shutdown()


def test_a_job_goes_to_a_worker_and_comes_back(dispatcher, worker, results, counts, tmp_path):
    assert counts.get(timeout=LIMIT) == 1
    assert dispatcher.number_of_workers() == 1
    directory = str(tmp_path / "where to")
    dispatcher.submit_job((0, 0, 0), config={"x": 1}, budget=3.0, working_directory=directory)
    job = results.get(timeout=LIMIT)
    assert (job.id, job.kwargs) == ((0, 0, 0), {"config": {"x": 1}, "budget": 3.0, "working_directory": directory})
    assert job.result == {"loss": 3.0, "info": [(0, 0, 0), {"x": 1}, directory]}
    assert job.exception is None
    assert job.worker_name == worker.worker_id
    assert job.timestamps["submitted"] <= job.timestamps["started"] <= job.timestamps["finished"]


def test_jobs_wait_for_workers_and_each_has_its_own_directory(dispatcher, results, request, tmp_path):
    for i in range(5):
        dispatcher.submit_job(
            (0, 0, i), config={"x": i}, budget=1.0, working_directory=str(tmp_path / f"directory {i}")
        )
    request.getfixturevalue("worker")
    jobs = {job.id: job for job in (results.get(timeout=LIMIT) for _ in range(5))}
    assert {i: job.result["info"][2] for (_, _, i), job in jobs.items()} == {
        i: str(tmp_path / f"directory {i}") for i in range(5)
    }


def test_a_failure_comes_back_as_an_exception(dispatcher, worker, results):
    dispatcher.submit_job((0, 0, 0), config={"raises": True}, budget=1.0)
    job = results.get(timeout=LIMIT)
    assert job.result is None
    assert "RuntimeError: as told" in job.exception


def test_a_callback_that_raises_harms_no_other_job(nameserver, worker, caplog):
    results = queue.Queue()

    def callback(job):
        results.put(job)
        raise RuntimeError("in the callback")

    dispatcher = Dispatcher(callback, "run", nameserver="127.0.0.1", nameserver_port=nameserver.port)
    thread = threading.Thread(target=dispatcher.run)
    thread.start()
    with caplog.at_level(logging.ERROR, "hpbandster_ng"):
        for i in range(2):
            dispatcher.submit_job((0, 0, i), config={}, budget=1.0)
        assert {results.get(timeout=LIMIT).id for _ in range(2)} == {(0, 0, 0), (0, 0, 1)}
        dispatcher.shutdown(shutdown_workers=True)
        thread.join(LIMIT)
    assert "RuntimeError: in the callback" in caplog.text


def test_a_job_that_is_at_work_is_not_taken_twice(dispatcher, results, request):
    dispatcher.submit_job((0, 0, 0), config={}, budget=1.0)
    with pytest.raises(InvalidArgumentError, match=r"id=\(0, 0, 0\) is at work on budget=1.0 already"):
        dispatcher.submit_job((0, 0, 0), config={}, budget=1.0)
    dispatcher.submit_job((0, 0, 0), config={}, budget=3.0)
    request.getfixturevalue("worker")
    assert {results.get(timeout=LIMIT).kwargs["budget"] for _ in range(2)} == {1.0, 3.0}
    dispatcher.submit_job((0, 0, 0), config={}, budget=1.0)
    assert results.get(timeout=LIMIT).result["loss"] == 1.0


@pytest.mark.parametrize("missing", ["config", "budget"])
def test_a_job_without_config_or_budget_is_refused(dispatcher, missing):
    kwargs = {"config": {}, "budget": 1.0}
    del kwargs[missing]
    with pytest.raises(InvalidArgumentError, match=f"{missing}=None is what every job needs"):
        dispatcher.submit_job((0, 0, 0), **kwargs)


def test_a_configuration_that_cannot_be_sent_is_refused(dispatcher):
    with pytest.raises(NotPlainError, match=r"config\['x'\] is of type object"):
        dispatcher.submit_job((0, 0, 0), config={"x": object()}, budget=1.0)


def test_jobs_that_have_not_ended_are_cancelled_by_shutdown(nameserver, results):
    dispatcher = Dispatcher(results.put, "run", nameserver="127.0.0.1", nameserver_port=nameserver.port)
    thread = threading.Thread(target=dispatcher.run)
    thread.start()
    dispatcher.submit_job((0, 0, 0), config={}, budget=1.0)
    dispatcher.shutdown_all_workers(rediscover=True)
    dispatcher.shutdown()
    thread.join(LIMIT)
    job = results.get(timeout=LIMIT)
    assert (job.result, job.exception, job.worker_name) == (None, "the dispatcher was shut down", None)


def test_a_second_dispatcher_of_the_run_is_refused(dispatcher, worker, nameserver, results, counts):
    assert counts.get(timeout=LIMIT) == 1
    with pytest.raises(MasterExistsError):
        Dispatcher(results.put, "run", nameserver_port=nameserver.port).run()


def test_a_job_notes_its_times():
    job = Job(3, config={})
    job.time_it("started")
    assert (job.id, job.kwargs, list(job.timestamps)) == (3, {"config": {}}, ["started"])
    assert (job.result, job.exception, job.worker_name) == (None, None, None)
