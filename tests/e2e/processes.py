"""Scripts in processes of their own, for the tests of the networked part."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.waiting import LIMIT, wait_until

WORKER = Path(__file__).parent / "worker_process.py"
_ROOT = Path(__file__).parents[2]


class Process:
    """A script in a process of its own, whose output can be waited for."""

    def __init__(self, command, output, interpreter=(sys.executable,)):
        self.path = output
        with output.open("w") as sink:
            environment = {**os.environ, "PYTHONPATH": str(_ROOT)}  # scripts may import from the tests
            self.popen = subprocess.Popen(
                [*interpreter, *command], stdout=sink, stderr=subprocess.STDOUT, env=environment
            )

    @property
    def output(self):
        return self.path.read_text()

    def wait_for(self, text):
        wait_until(lambda: text in self.output or self.popen.poll() is not None, f"{text!r} in {self.output!r}")
        assert text in self.output

    def end(self):
        self.popen.wait(LIMIT)
        return self.popen.returncode
