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
        path: where the scheduler looks for modules, before anywhere else.

    Attributes:
        address: of the scheduler.
    """

    def __init__(self, directory, path=ROOT):
        self.directory = directory
        self.workers = []
        self.start_scheduler(0, path)

    def start_scheduler(self, port, path=ROOT):
        file = self.directory / f"scheduler-{port}.json"
        self.scheduler = self._start("scheduler", "--port", port, "--scheduler-file", file, path=path)
        try:
            wait_until(lambda: file.exists() and file.read_text().endswith("}"), "the scheduler is there")
            self.address = json.loads(file.read_text())["address"]
        except BaseException:
            self.close()
            raise

    def start_worker(self, *options, path=ROOT):
        usual = ("--nthreads", "1", "--memory-limit", "0", "--local-directory", self.directory)
        self.workers.append(self._start("worker", self.address, *usual, *options, path=path))
        return self.workers[-1]

    @contextlib.contextmanager
    def client(self, **settings):
        with distributed.Client(self.address, **settings) as client:
            yield client

    def stop_scheduler(self):
        self._kill([self.scheduler])

    def stop_workers(self):
        self._kill(self.workers)
        self.workers.clear()

    def close(self):
        self.stop_workers()
        self.stop_scheduler()

    def _start(self, what, *arguments, path):
        command = [
            sys.executable,
            "-m",
            "dask",
            what,
            "--host",
            "127.0.0.1",
            "--dashboard-address",
            ":0",
            *map(str, arguments),
        ]
        path = os.pathsep.join([str(path), str(ROOT)])
        with (self.directory / f"{what}.txt").open("ab") as output:
            return subprocess.Popen(
                command, cwd=self.directory, env=os.environ | {"PYTHONPATH": path}, stdout=output, stderr=output
            )

    @staticmethod
    def _kill(processes):
        for process in processes:
            process.kill()
            process.wait()
