"""Crowds of strangers at the doors of a nameserver and a dispatcher, and members who call meanwhile."""

from __future__ import annotations

import time
from pathlib import Path

import Pyro4
import pytest

from hpbandster_ng.backends.pyro.access import Access
from hpbandster_ng.backends.pyro.certificates import mint
from hpbandster_ng.backends.pyro.credentials import credentials_path, read_credentials, write_credentials
from hpbandster_ng.backends.pyro.nameserver import dispatcher_name, locate_nameserver, lookup
from hpbandster_ng.backends.pyro.proxy import proxy_to
from hpbandster_ng.errors import NameServerError
from tests.e2e.processes import WORKER
from tests.e2e.strangers import MESSAGES
from tests.waiting import LIMIT, wait_until

pytestmark = pytest.mark.e2e

HERE = Path(__file__).parent
BOUND = 2.0
"""Seconds within which a member must be answered, whatever strangers do."""


@pytest.fixture
def run(spawn, tmp_path):
    process = spawn(HERE / "closed_run.py", "--run_id", "closed", "--directory", tmp_path)
    process.wait_for("starts")
    return process


def duration(call):
    """Seconds until a call is answered; like a worker, who is sent away in the crowd comes again."""
    begin = time.monotonic()
    while True:
        try:
            call()
        except (NameServerError, Pyro4.errors.CommunicationError):
            assert time.monotonic() - begin < BOUND
        else:
            return time.monotonic() - begin


@pytest.mark.parametrize("kind", MESSAGES)
def test_five_hundred_strangers_hold_up_no_member(run, spawn, tmp_path, kind):
    host, port = read_credentials(credentials_path(tmp_path, "closed"))
    access = Access("closed", tmp_path)

    def location():
        with locate_nameserver(host, port, 0, access) as nameserver:
            return lookup(nameserver, dispatcher_name("closed"))

    wait_until(location, "the dispatcher is known")
    desk = location()
    with proxy_to(desk, LIMIT, access.secret) as old:
        old.ping()
        crowd = spawn(HERE / "strangers.py", kind, port, desk.port)
        crowd.wait_for("all are there")
        for _ in range(10):
            assert duration(location) < BOUND  # two calls over a new connection
            assert duration(old.ping) < BOUND
            with proxy_to(desk, LIMIT, access.secret) as new:
                assert duration(new.ping) < BOUND
        crowd.popen.kill()
        old.ping()
    assert run.popen.poll() is None


def test_a_worker_that_lived_on_is_let_in_after_nameserver_and_master_were_killed(run, spawn, tmp_path):
    worker = spawn(WORKER, "--run_id", "closed", "--directory", tmp_path)
    run.wait_for("workers: 1")
    run.popen.kill()
    run.popen.wait(LIMIT)
    again = spawn(HERE / "closed_run.py", "--run_id", "closed", "--directory", tmp_path)
    again.wait_for("workers: 1")
    assert worker.popen.poll() is None


def test_a_worker_with_stale_credentials_ends_with_one_line(run, spawn, tmp_path):
    path = credentials_path(tmp_path, "closed")
    stale = tmp_path / "stale"
    stale.mkdir()
    write_credentials(credentials_path(stale, "closed"), *read_credentials(path), mint())
    worker = spawn(WORKER, "--run_id", "closed", "--directory", stale)
    assert worker.end() == 2
    _, line = worker.output.splitlines()  # after the script's own first one
    assert "ends: who answers at nameserver='127.0.0.1'" in line
    assert "is not the nameserver of run_id='closed', or has other credentials" in line


def test_a_worker_of_another_run_ends_with_one_line(run, spawn, tmp_path):
    _, port = read_credentials(credentials_path(tmp_path, "closed"))
    worker = spawn(WORKER, "--run_id", "other", "--port", port)
    assert worker.end() == 2
    _, line = worker.output.splitlines()  # after the script's own first one
    assert "is not the nameserver of run_id='other'" in line
    assert "there are no credentials of run_id='other'" in line


def test_a_run_with_few_descriptors_left_goes_on_when_the_crowd_has_gone(spawn, tmp_path):
    run = spawn(HERE / "closed_run.py", "--run_id", "closed", "--directory", tmp_path, "--descriptors", 100)
    run.wait_for("starts")
    host, port = read_credentials(credentials_path(tmp_path, "closed"))
    crowd = spawn(HERE / "strangers.py", "silent", port)
    crowd.wait_for("all are there")
    crowd.popen.kill()
    access = Access("closed", tmp_path)

    def answers():
        try:
            with locate_nameserver(host, port, 0, access) as nameserver:
                return lookup(nameserver, dispatcher_name("closed"))
        except (OSError, Pyro4.errors.PyroError):
            return None

    wait_until(answers, "the nameserver and the dispatcher answer again")
