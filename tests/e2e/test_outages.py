"""Workers of the command line, whose database goes away and comes back."""

from __future__ import annotations

import signal
import sys

import ConfigSpace
import pytest

from hpbandster_ng.experiments import Experiment
from tests.storage.conftest import make_mongod, postgres
from tests.waiting import wait_until

__all__ = ["make_mongod", "postgres"]

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SPACE = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
HOLD = """
import json, os, pathlib
from tests.waiting import wait_until
print("computing", flush=True)
wait_until(pathlib.Path("go").exists, "it may go on")
pathlib.Path(os.environ["HPBANDSTER_OUTPUT"]).write_text(json.dumps({"loss": 0.5}))
print("computed", flush=True)
"""
WORKER = """
import pathlib
from hpbandster_ng.core.worker import Worker
from tests.waiting import wait_until
class Held(Worker):
    def compute(self, config, budget, **_):
        print("computing", flush=True)
        wait_until(pathlib.Path("go").exists, "it may go on")
        print("computed", flush=True)
        return {"loss": 0.5, "info": None}
"""


class Server:
    def __init__(self, url, stop, start):
        self.url, self.stop, self.start = url, stop, start


@pytest.fixture(params=["postgresql", "mongodb"])
def server(request):
    if request.param == "postgresql":
        running = request.getfixturevalue("postgres")
        yield Server(running.url, running.stop, running.start)
        return
    with request.getfixturevalue("make_mongod")() as running:
        yield Server(f"mongodb://{running.host}/outages", running.kill, running.start)


@pytest.fixture
def experiment(server, request, tmp_path, monkeypatch):
    (tmp_path / "hold.py").write_text(HOLD)
    (tmp_path / "held.py").write_text(WORKER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPBANDSTER_STORAGE", server.url)
    settings = {"min_budget": 1, "max_budget": 9, "n_iterations": 1, "seed": 1}
    with Experiment.create(server.url, request.node.name, SPACE, "HyperBand", **settings) as experiment:
        yield experiment
    with Experiment.open(server.url, experiment.id) as anew:  # the connections of before may have been cut
        anew.delete()


START_WORKER = ("start-worker", "{id}", "--", sys.executable, "hold.py")
SERVE = ("worker", "held:Held", "--experiment", "{id}")


def is_away(worker):
    return "this worker tries again for 300 seconds" in worker.output


@pytest.mark.parametrize("command", [START_WORKER, SERVE], ids=["start-worker", "worker"])
def test_what_was_computed_while_the_database_was_away_is_recorded(server, experiment, spawn, tmp_path, command):
    worker = spawn("-m", "hpbandster_ng", *(word.format(id=experiment.id) for word in command))
    worker.wait_for("computing")
    server.stop()
    try:
        (tmp_path / "go").touch()
        wait_until(lambda: "computed" in worker.output, "it has computed")
        wait_until(lambda: is_away(worker), "it notices", limit=60)
    finally:
        server.start()
    assert worker.end() == 0, worker.output
    assert "the database answers again, after " in worker.output
    assert "Traceback" not in worker.output
    with Experiment.open(server.url, experiment.id) as anew:
        assert anew.progress.observed == {"succeeded": 13}
        assert {closed.attempt for closed in anew.suggestions(state="closed")} == {1}


def test_a_signal_ends_a_worker_that_waits_for_its_database(server, experiment, spawn, tmp_path):
    for _ in range(8):
        experiment.suggest(timeout=0)
    (tmp_path / "go").touch()
    worker = spawn("-m", "hpbandster_ng", "start-worker", experiment.id, "--", sys.executable, "hold.py")
    worker.wait_for("computed")
    wait_until(lambda: experiment.progress.observed, "it has nothing to do")
    server.stop()
    try:
        wait_until(lambda: is_away(worker), "it notices", limit=60)
        worker.popen.send_signal(signal.SIGTERM)
        assert worker.end() == 0, worker.output
    finally:
        server.start()
    assert "was ended by SIGTERM" in worker.output
