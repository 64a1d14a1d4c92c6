"""Filling up a small disk."""

from __future__ import annotations

from hpbandster_ng.engine.events import OpenIteration, WorkerJoined
from hpbandster_ng.errors import StorageError


def fill(storage):
    """Append until there is no room; returns how many appends there were, each with an ``OpenIteration``, and why."""
    for number in range(10_000):
        try:
            storage.append([OpenIteration(float(number), number), WorkerJoined(0.0, "w" * 500)])
        except StorageError as error:
            assert number > 10
            return number, str(error)
    raise AssertionError("the disk is not full")
