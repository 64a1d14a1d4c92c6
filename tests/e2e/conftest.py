"""A nameserver, worker processes and masters, all gone after the test."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import ConfigSpace
import pytest

from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.optimizers.randomsearch import RandomSearch
from tests.e2e.processes import WORKER, Process
from tests.waiting import LIMIT


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def spawn(stack, tmp_path):
    numbers = iter(range(100))

    def spawn(*command):
        process = Process([str(part) for part in command], tmp_path / f"output_{next(numbers)}.txt")
        stack.callback(process.popen.wait, LIMIT)
        stack.callback(process.popen.kill)
        return process

    return spawn


@pytest.fixture
def nameserver(stack):
    return stack.enter_context(NameServer("e2e", port=0))


@pytest.fixture
def start_worker(spawn, nameserver):
    def start_worker(*options):
        return spawn(WORKER, "--run_id", "e2e", "--nameserver", nameserver.host, "--port", nameserver.port, *options)

    return start_worker


class Log(list):
    """The events of a run, and what was told to the generator."""

    def __init__(self):
        super().__init__()
        self.learned = []

    def __call__(self, event):
        self.append(event)

    def of(self, kind):
        return [event for event in self if isinstance(event, kind)]


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def make_master(stack, nameserver, log, tmp_path):
    def make_master(kinds=("fine",), **options):
        space = ConfigSpace.ConfigurationSpace({"kind": list(kinds)})
        settings = {
            "run_id": "e2e",
            "nameserver": nameserver.host,
            "nameserver_port": nameserver.port,
            "initial_configs": [{"kind": kind} for kind in kinds],
            "observers": [log],
            "worker_timeout": LIMIT,
            "working_directory": tmp_path / "run",
            **options,
        }
        master = RandomSearch(space, **settings)
        learn = master.config_generator.new_result
        master.config_generator.new_result = lambda job, **kwargs: (log.learned.append(job), learn(job, **kwargs))
        return stack.enter_context(master)

    return make_master


@pytest.fixture
def background(stack):
    return stack.enter_context(ThreadPoolExecutor()).submit


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
