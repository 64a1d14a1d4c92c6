"""Masters and nameservers in real processes: refused, killed, restarted, on other addresses."""

from __future__ import annotations

import signal
import socket
import time

import ConfigSpace
import pytest

from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.engine.events import WorkerJoined, WorkerLost
from hpbandster_ng.errors import MasterExistsError
from hpbandster_ng.optimizers.randomsearch import RandomSearch
from tests.e2e.processes import WORKER
from tests.waiting import LIMIT, wait_until

pytestmark = pytest.mark.e2e

OTHER_MASTER = """
import sys, ConfigSpace
from hpbandster_ng.optimizers.randomsearch import RandomSearch
space = ConfigSpace.ConfigurationSpace({"kind": ["fine"]})
master = RandomSearch(space, run_id="e2e", nameserver_port=int(sys.argv[1]))
print("starts", flush=True)
master.run(1)
"""


def test_a_second_master_of_the_same_run_id_is_refused(make_master, start_worker, spawn, nameserver):
    begin = time.monotonic()
    start_worker()
    master = make_master()
    master.wait_for_workers(1)
    second = spawn("-c", OTHER_MASTER, nameserver.port)
    assert second.end() == 1
    assert "MasterExistsError: run_id='e2e' has a living master already" in second.output
    assert time.monotonic() - begin < 15
    assert len(master.run(1).get_all_runs()) == 1  # the first has not noticed
    with pytest.raises(MasterExistsError):
        make_master().run(1)


def test_a_master_takes_the_place_of_one_that_was_killed(make_master, start_worker, spawn, nameserver, tmp_path):
    killed = spawn("-c", OTHER_MASTER, nameserver.port)
    worker = start_worker("--hold", tmp_path / "go")
    worker.wait_for("computing")
    killed.popen.kill()
    killed.end()
    (tmp_path / "go").touch()
    assert len(make_master().run(2).get_all_runs()) == 2


RAISES = """
import sys, ConfigSpace
from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.optimizers.randomsearch import RandomSearch
class W(Worker):
    def compute(self, **kwargs):
        return {"loss": 0, "info": {}}
nameserver = NameServer("raises", port=0)
nameserver.start()
worker = W("raises", nameserver_port=nameserver.port, id=0)
if sys.argv[1] == "worker":
    worker.run(background=True)
    raise RuntimeError("in the user's script")
master = RandomSearch(ConfigSpace.ConfigurationSpace({"x": [1, 2]}), run_id="raises", nameserver_port=nameserver.port)
worker.run(background=True)
master.run(2)
raise RuntimeError("in the user's script")
"""


@pytest.mark.parametrize("who", ["worker", "master"])
def test_an_exception_in_the_users_script_ends_the_process(spawn, who):
    process = spawn("-c", RAISES, who)
    begin = time.monotonic()
    assert process.end() == 1
    assert time.monotonic() - begin < 15
    assert "RuntimeError: in the user's script" in process.output


SEARCHES = """
import logging, sys, ConfigSpace
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.optimizers.randomsearch import RandomSearch
logging.basicConfig()
who, address = sys.argv[1], {"run_id": "e2e", "nameserver_port": int(sys.argv[2]), "insecure": True}
if who == "worker":
    Worker(**address).run()
else:
    storage = None if who == "master" else f"journal:{sys.argv[3]}"
    with RandomSearch(ConfigSpace.ConfigurationSpace({"x": [1, 2]}), storage=storage, **address) as master:
        print(len(master.run(1).get_all_runs()), len(master.run(1).get_all_runs()), "runs")
"""


@pytest.mark.parametrize("is_silent", [True, False], ids=["silent", "hangs up"])
@pytest.mark.parametrize("who", ["worker", "master", "master with a storage"])
def test_a_signal_ends_the_search_for_a_nameserver(spawn, stack, tmp_path, who, is_silent):
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    listener.settimeout(LIMIT)
    process = spawn("-c", SEARCHES, who, listener.getsockname()[1], tmp_path / "log")
    for _ in range(1 if is_silent else 4):
        connection = stack.enter_context(listener.accept()[0])
        if not is_silent:
            connection.close()
    process.popen.send_signal(signal.SIGTERM)
    assert process.end() == 0
    assert "was ended by SIGTERM" in process.output
    assert "Traceback" not in process.output
    assert ("0 0 runs" in process.output) == (who != "worker")
    assert ("goes on from" in process.output) == (who == "master with a storage")


def test_a_nameserver_that_restarts_elsewhere_is_found_by_its_credentials(spawn, stack, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    first = NameServer("e2e", shared, port=0)
    first.start()
    worker = spawn(WORKER, "--run_id", "e2e", "--directory", shared)
    worker.wait_for("starts")
    space = ConfigSpace.ConfigurationSpace({"kind": ["fine"]})
    with RandomSearch(space, run_id="e2e", nameserver_port=first.port, shutdown_workers=False) as master:
        master.run(1)
    first.shutdown()
    with socket.create_server(("127.0.0.1", first.port)):
        second = stack.enter_context(NameServer("e2e", shared, port=0))
    with RandomSearch(space, run_id="e2e", nameserver_port=second.port, worker_timeout=LIMIT) as master:
        assert len(master.run(1).get_all_runs()) == 1
    assert worker.end() == 0


def test_everything_works_over_ipv6(stack, tmp_path, spawn):
    try:
        nameserver = stack.enter_context(NameServer("six", tmp_path, host="::1", port=0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback address")
    worker = spawn(WORKER, "--run_id", "six", "--directory", tmp_path)
    space = ConfigSpace.ConfigurationSpace({"kind": ["fine"]})
    options = {"nameserver": "::1", "nameserver_port": nameserver.port, "host": "::1"}
    with RandomSearch(space, run_id="six", worker_timeout=LIMIT, **options) as master:
        assert len(master.run(2).get_all_runs()) == 2
    assert worker.end() == 0


def test_a_worker_that_was_stopped_for_a_while_goes_on(make_master, start_worker, log, background):
    worker = start_worker()
    master = make_master(ping_interval=1)
    wait = background(master.wait_for_workers, 2)
    wait_until(lambda: log.of(WorkerJoined), "the worker")
    worker.popen.send_signal(signal.SIGSTOP)
    wait_until(lambda: log.of(WorkerLost), "its loss")
    assert log.of(WorkerLost)[0].reason == "it was silent for 3 seconds"
    worker.popen.send_signal(signal.SIGCONT)
    wait_until(lambda: len(log.of(WorkerJoined)) == 2, "it joins anew")
    start_worker()
    wait.result(LIMIT)
    assert len(master.run(2).get_all_runs()) == 2
