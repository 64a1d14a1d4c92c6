"""Dashboards that are served: from a thread of a test, or by the command, in a process that many tests ask."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading

from hpbandster_ng.interfaces.dashboard.desk import Desk
from hpbandster_ng.interfaces.dashboard.server import DashboardServer
from tests.waiting import wait_until


class Address:
    """Where a dashboard is, and its token."""

    def __init__(self, text):
        self.text = text
        base, _, self.token = text.partition("/?token=")
        self.port = int(base.rpartition(":")[2])


@contextlib.contextmanager
def serving(place):
    """From a thread, as long as the block lasts."""
    with Desk(place) as desk, DashboardServer(desk, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.run, name="hpbandster-test-dashboard")
        thread.start()
        try:
            wait_until(lambda: server.is_serving, "the dashboard is served")
            yield Address(server.address)
        finally:
            server.stop()
            thread.join()


@contextlib.contextmanager
def commanded(*arguments):
    """By the command; yields the process and the address that it prints."""
    command = [sys.executable, "-m", "hpbandster_ng", "dashboard", "--port", "0", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        line = process.stdout.readline()
        assert line.startswith("The dashboard is at http://127.0.0.1:"), line + process.stdout.read()
        yield process, Address(line.split()[-1])
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
