"""Real schedulers, and what a user does with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clusters import sge, slurm
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
LIMIT = 100.0
"""Seconds that a job may take, its waits in the queue included."""

CLUSTERS = {"slurm": (slurm.PROGRAMS, slurm.Slurm), "sge": (sge.PROGRAMS, sge.SGE)}


@pytest.fixture(scope="module", params=CLUSTERS)
def cluster(request):
    programs, make = CLUSTERS[request.param]
    if missing := [program for program in programs if shutil.which(program) is None]:
        pytest.skip(f"{missing[0]} is not installed (.ci/run installs it)")
    if os.getuid() != 0:
        pytest.skip(f"only root starts {request.param}")
    with make() as cluster:
        yield cluster


class User:
    """Submits jobs from a folder, and looks at what comes of them."""

    def __init__(self, cluster, folder):
        self.cluster = cluster
        self.folder = folder

    def call(self, *command, limit=60):
        """What a command prints; it must not fail."""
        done = subprocess.run(
            [str(part) for part in command], cwd=self.folder, capture_output=True, text=True, timeout=limit, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def submit(self, *arguments, script=ROOT / "tests" / "clusters" / "script.py", after=()):
        """The id of a job of the command line."""
        command = [sys.executable, "-m", "hpbandster_ng", "submit", "--scheduler", self.cluster.name]
        return self.call(*command, *arguments, script, *after).strip()

    def log(self, job, number):
        path = self.folder / self.cluster.log_name(job, number)
        return path.read_text() if path.exists() else ""

    def logs(self):
        """For the message of a failure."""
        files = [path for path in self.folder.iterdir() if path.is_file()]
        return "\n".join(f"== {path.name}\n{path.read_text()}" for path in sorted(files))

    def wait_for(self, condition, what):
        try:
            wait_until(condition, what, LIMIT)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.cluster.state()}\n{self.logs()}") from error

    def wait_for_empty_queue(self):
        self.wait_for(lambda: not self.cluster.tasks(), "the queue is empty")


@pytest.fixture
def user(cluster, tmp_path, monkeypatch):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    monkeypatch.setenv("HPB_NIC_NAME", "lo")
    user = User(cluster, folder)
    yield user
    for task in cluster.tasks():  # of a test that failed
        cluster.kill(task)
    user.wait_for_empty_queue()
