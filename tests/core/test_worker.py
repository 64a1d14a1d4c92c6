from __future__ import annotations

import json
import logging
import os
import re
import threading
import time

import ConfigSpace
import pytest

from hpbandster_ng.backends.pyro.credentials import credentials_path, write_credentials
from hpbandster_ng.core import worker as worker_module
from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.errors import HpbandsterError, InvalidArgumentError, LogError, NameServerError
from hpbandster_ng.optimizers.randomsearch import RandomSearch
from tests.waiting import LIMIT


class Toy(Worker):
    def compute(self, config_id, config, budget, working_directory):
        return {"loss": 0.0, "info": {}}


@pytest.fixture
def nameserver():
    with NameServer("run", port=0) as nameserver:
        yield nameserver


@pytest.fixture
def make_worker(nameserver):
    made = []

    def make_worker(**options):
        made.append(Toy("run", nameserver_port=nameserver.port, **options))
        return made[-1]

    yield make_worker
    for worker in made:
        worker.shutdown()


def test_the_name_is_unique_by_host_process_and_id():
    worker = Toy("run", host="here", id=3)
    assert worker.worker_id == f"hpbandster.run_run.worker.here.{os.getpid()}.3"
    assert Toy("run", host="here").worker_id == f"hpbandster.run_run.worker.here.{os.getpid()}"


def test_a_worker_without_compute_says_so():
    with pytest.raises(NotImplementedError, match="Worker must implement compute"):
        Worker("run").compute((0, 0, 0), {}, 1, ".")


def test_two_workers_of_one_name_are_refused_at_once(make_worker):
    first, second = make_worker(id=0), make_worker(id=0)
    first.run(background=True)
    begin = time.monotonic()
    with pytest.raises(InvalidArgumentError, match=r"id=.*already at work; give each worker its own id"):
        second.run(background=True)
    with pytest.raises(InvalidArgumentError, match="already at work"):
        first.run()
    assert time.monotonic() - begin < 1.0
    make_worker(id=1).run(background=True)
    first.shutdown()
    second.run(background=True)


def test_a_worker_that_has_ended_may_run_again(make_worker):
    worker = make_worker(timeout=0.2)
    worker.run()
    worker.run()


def test_the_idle_limit_counts_from_the_start_even_without_a_master(make_worker):
    begin = time.monotonic()
    make_worker(timeout=0.5).run()
    assert 0.5 <= time.monotonic() - begin < 5.0


def test_the_idle_limit_ends_quietly_when_the_nameserver_is_gone_too(make_worker, nameserver, caplog):
    worker = make_worker(timeout=1.0)
    worker.run(background=True)
    nameserver.shutdown()
    worker._thread.join(8.0)
    assert not worker._thread.is_alive()
    assert caplog.records == []


def test_a_worker_without_a_nameserver_is_one_error_within_ten_seconds():
    begin = time.monotonic()
    with pytest.raises(NameServerError, match=r"no nameserver answers at nameserver='127.0.0.1', nameserver_port=1"):
        Toy("run", nameserver_port=1).run(background=True)
    assert time.monotonic() - begin < 10.0
    assert worker_module._at_work == set()


def test_shutdown_before_run_and_twice(make_worker):
    worker = make_worker()
    worker.shutdown()
    worker.run(background=True)
    worker.shutdown()
    worker.shutdown()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"run_id": "a/b"}, ["run_id='a/b'"]),
        ({"run_id": "a", "timeout": 0}, ["timeout=0", "greater than 0"]),
        ({"run_id": "a", "timeout": float("nan")}, ["timeout=nan"]),
        ({"run_id": "a", "nameserver_port": 70000}, ["nameserver_port=70000"]),
        ({"run_id": "a", "devices": ["cuda:0", "cuda:1"]}, ["id=None", "whole number"]),
        ({"run_id": "a", "devices": []}, ["devices=[]"]),
    ],
)
def test_bad_input_is_one_error_that_names_it(arguments, words):
    with pytest.raises(HpbandsterError) as error:
        Toy(**arguments)
    for word in words:
        assert word in str(error.value)


def test_credentials_are_waited_for(tmp_path):
    worker = Toy("run")
    path = credentials_path(tmp_path, "run")
    writer = threading.Timer(0.1, write_credentials, (path, "10.0.0.7", 1234))
    writer.start()
    worker.load_nameserver_credentials(tmp_path, num_tries=200, interval=0.02)
    writer.join()
    assert (worker.nameserver, worker.nameserver_port) == ("10.0.0.7", 1234)


def test_credentials_that_never_come_are_one_error(tmp_path):
    with pytest.raises(NameServerError, match=r"no credentials file .*HPB_run_run_pyro.json after num_tries=2 looks"):
        Toy("run").load_nameserver_credentials(tmp_path, num_tries=2, interval=0.01)


def test_a_missing_shared_directory_is_one_error(tmp_path):
    with pytest.raises(InvalidArgumentError, match=r"working_directory=.*must be an existing directory"):
        Toy("run").load_nameserver_credentials(tmp_path / "missing")


def test_something_else_in_the_credentials_file_is_one_error(tmp_path):
    credentials_path(tmp_path, "run").write_text(json.dumps({"host": "a"}))
    with pytest.raises(LogError, match="is no credentials file"):
        Toy("run").load_nameserver_credentials(tmp_path)


def test_stale_credentials_are_one_error(tmp_path, monkeypatch):
    monkeypatch.setattr("hpbandster_ng.backends.pyro.client.PATIENCE", 0.3)
    write_credentials(credentials_path(tmp_path, "run"), "127.0.0.1", 1)
    worker = Toy("run")
    worker.load_nameserver_credentials(tmp_path)
    with pytest.raises(NameServerError, match="a credentials file may be left over from a run that has ended"):
        worker.run()


def test_a_long_time_without_a_master_is_warned_of_once(caplog, monkeypatch):
    monkeypatch.setattr("hpbandster_ng.backends.pyro.client._WARN_MASTERLESS_AFTER", 0.3)
    with NameServer("run", port=0) as nameserver:
        Worker("run", nameserver_port=nameserver.port, timeout=2).run()
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert re.search(r": run run has no master; it keeps looking for [12] s more$", warning)


class Locked(Toy):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.lock = threading.Lock()


@pytest.mark.parametrize("background", [True, False])
def test_an_isolated_worker_that_cannot_be_pickled_is_one_error_before_any_job(nameserver, background):
    worker = Locked("run", nameserver_port=nameserver.port, isolate=True)
    with pytest.raises(InvalidArgumentError, match=r"^isolate=True needs a child .* pickle .*lock.*; define"):
        worker.run(background=background)
    assert worker_module._at_work == set()
    worker.shutdown()


class Seeing(Worker):
    def compute(self, config_id, config, budget, working_directory):
        return {"loss": 0.0, "info": [os.getpid(), self.device, os.environ.get("CUDA_VISIBLE_DEVICES")]}


@pytest.mark.e2e
def test_each_worker_of_a_process_computes_elsewhere_and_sees_its_own_device(nameserver, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    settings = {"nameserver_port": nameserver.port, "devices": ["cuda:0", "cuda:1"]}
    workers = [Seeing("run", id=number, **settings) for number in range(2)]
    for worker in workers:
        worker.run(background=True)
    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
    options = {"nameserver_port": nameserver.port, "working_directory": tmp_path, "worker_timeout": LIMIT}
    with RandomSearch(space, run_id="run", **options) as master:
        infos = [run.info for run in master.run(8, min_n_workers=2).get_all_runs()]
    for worker in workers:
        worker.shutdown()
    assert {tuple(seen) for _, *seen in infos} == {("cuda:0", "4"), ("cuda:1", "7")}
    assert len({pid for pid, *_ in infos} | {os.getpid()}) == 3
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,7"
