"""Scripts in processes of their own, for the tests of the networked part."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

WORKER = Path(__file__).parent / "worker_process.py"
LIMIT = 30.0
"""Seconds that anything may take on a busy machine."""


def wait_until(condition, what, limit=LIMIT):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit:g} seconds: {what}"
        threading.Event().wait(0.01)


class Process:
    """A script in a process of its own, whose output can be waited for."""

    def __init__(self, command, output):
        self.path = output
        with output.open("w") as sink:
            self.popen = subprocess.Popen([sys.executable, *command], stdout=sink, stderr=subprocess.STDOUT)

    @property
    def output(self):
        return self.path.read_text()

    def wait_for(self, text):
        wait_until(lambda: text in self.output or self.popen.poll() is not None, f"{text!r} in {self.output!r}")
        assert text in self.output

    def end(self):
        self.popen.wait(LIMIT)
        return self.popen.returncode
