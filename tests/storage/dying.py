"""A storage that ends its process at a chosen event: the crash of a master, wherever a test wants it."""

from __future__ import annotations

import os
import signal


class DyingStorage:
    """Kills its own process with SIGKILL as soon as a number of events is kept, in the middle of an append if need be.

    Args:
        storage: keeps the events.
        num_events: how many it may keep that this process appends; at least 1.
    """

    def __init__(self, storage, num_events):
        self.storage = storage
        self.num_left = num_events

    def open(self):
        self.storage.open()

    def append(self, events):
        self.storage.append(events[: self.num_left])
        self.num_left -= len(events)
        if self.num_left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def read(self):
        return self.storage.read()

    def close(self):
        self.storage.close()
