"""Several hosts, in network namespaces: partitions, and addresses that others cannot reach."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from hpbandster_ng.engine.events import JobFinished, StartJob
from hpbandster_ng.storage.journal import JournalStorage
from tests.e2e.chaos import figures
from tests.e2e.hosts import Hosts
from tests.e2e.processes import WORKER, Process
from tests.engine.driver import of_type
from tests.waiting import LIMIT, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

HERE = Path(__file__).parent
PARTITION = 20.0
"""Seconds."""


@pytest.fixture
def hosts(stack):
    hosts = Hosts(3)
    stack.callback(hosts.stop)
    hosts.start()
    return hosts


@pytest.fixture
def start(stack, hosts, tmp_path):
    numbers = iter(range(100))

    def start(number, script, *arguments):
        command = hosts.command(number, sys.executable, script, *arguments)
        process = Process(command, tmp_path / f"output_{next(numbers)}.txt", interpreter=())
        stack.callback(process.popen.wait, LIMIT)
        stack.callback(process.popen.kill)
        return process

    return start


def log_in(shared):
    return list(JournalStorage(shared / "log").read())


@pytest.mark.timeout(400)
def test_a_partition_of_twenty_seconds_heals_without_loss(hosts, start, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    master = start(0, HERE / "hosts_master.py", hosts.addresses[0], shared, hosts.addresses[0], 30)
    workers = [start(number, WORKER, "--run_id", "hosts", "--directory", shared, "--slow") for number in (1, 2)]
    wait_until(lambda: len({event.worker for event in of_type(log_in(shared), JobFinished)}) == 2, "both work")
    hosts.connect(1, False)
    cut_at = len(log_in(shared))
    time.sleep(PARTITION)  # that is how long it lasts
    begun = of_type(log_in(shared)[cut_at:], StartJob)
    meanwhile = {event.worker for event in begun[len(begun) // 4 :]}  # it was not known at once
    hosts.connect(1, True)
    healed_at = len(log_in(shared))
    wait_until(lambda: master.popen.poll() is not None, "the run ends", 300)
    assert master.popen.returncode == 0, master.output
    log = log_in(shared)
    told = figures(log)
    assert told["jobs that succeeded exactly once"] == told["jobs"] > 0
    cut_off = f".{workers[0].popen.pid}"
    assert any(event.worker.endswith(cut_off) for event in of_type(log[healed_at:], JobFinished))
    assert not any(worker.endswith(cut_off) for worker in meanwhile)


@pytest.mark.timeout(200)
def test_a_master_that_a_worker_cannot_reach_is_one_clear_line(hosts, start, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    start(0, HERE / "hosts_master.py", hosts.addresses[0], shared, "localhost", 1)
    worker = start(1, WORKER, "--run_id", "hosts", "--directory", shared)
    worker.wait_for("does not answer")
    (line,) = [line for line in worker.output.splitlines() if "does not answer" in line]
    assert "give it a host= that this machine can reach" in line
