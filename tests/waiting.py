"""Waiting for what other threads and processes do."""

from __future__ import annotations

import threading
import time

import psutil

LIMIT = 30.0
"""Seconds that anything may take on a busy machine."""


def wait_until(condition, what, limit=LIMIT):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit:g} seconds: {what}"
        threading.Event().wait(0.01)


def is_gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until_gone(pids):
    for pid in pids:
        wait_until(lambda pid=pid: is_gone(pid), f"process {pid} is gone")
