"""A Dask cluster of one's own: a scheduler and workers, as processes that were started in a shell."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import distributed

from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


class DaskCluster:
    """A scheduler on a free port of the loopback interface, and its workers.

    Args:
        directory: for its files.

    Attributes:
        address: of the scheduler.
    """

    def __init__(self, directory):
        self.directory = directory
        self.workers = []
        file = directory / "scheduler.json"
        self.scheduler = self._start("scheduler", "--port", "0", "--scheduler-file", file)
        try:
            wait_until(file.exists, "the scheduler is there")
        except BaseException:
            self.close()
            raise
        self.address = json.loads(file.read_text())["address"]

    def start_worker(self, *options):
        usual = ("--nthreads", "1", "--memory-limit", "0", "--local-directory", self.directory)
        self.workers.append(self._start("worker", self.address, *usual, *options))
        return self.workers[-1]

    @contextlib.contextmanager
    def client(self, **settings):
        with distributed.Client(self.address, **settings) as client:
            yield client

    def stop_workers(self):
        self._kill(self.workers)
        self.workers.clear()

    def close(self):
        self.stop_workers()
        self._kill([self.scheduler])

    def _start(self, what, *arguments):
        command = [sys.executable, "-m", "dask", what, "--host", "127.0.0.1", "--no-dashboard", *map(str, arguments)]
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        with (self.directory / f"{what}.txt").open("ab") as output:
            return subprocess.Popen(
                command, cwd=self.directory, env=os.environ | {"PYTHONPATH": path}, stdout=output, stderr=output
            )

    @staticmethod
    def _kill(processes):
        for process in processes:
            process.kill()
            process.wait()
