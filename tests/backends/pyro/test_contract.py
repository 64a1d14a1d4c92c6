"""Workers over Pyro4, in processes of their own, under the contract of backends."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest

from hpbandster_ng.backends.pyro.backend import PyroBackend
from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.testing.backends import LosableWorkersContract
from tests.e2e.processes import Process

WORKER = Path(__file__).parent / "worker_process.py"


@pytest.mark.e2e
@pytest.mark.slow
class TestPyroBackend(LosableWorkersContract):
    close_ends_jobs = False

    @contextlib.contextmanager
    def opened(self, directory):
        output = directory.parent / f"{directory.name}-worker.txt"
        workers = []
        with NameServer("run", port=0) as nameserver:

            def start_worker():
                workers.append(Process([str(WORKER), "run", str(nameserver.port)], output))

            self.start_worker = start_worker
            for _ in range(self.n_workers):
                start_worker()
            try:
                yield PyroBackend("run", nameserver_port=nameserver.port, working_directory=str(directory))
            finally:
                for worker in workers:
                    worker.popen.kill()
                    worker.popen.wait()

    def lose(self, pid):
        os.kill(pid, signal.SIGKILL)
        self.start_worker()
