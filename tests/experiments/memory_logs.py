"""Shared logs of one process, whose writing can be made to fail."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

from hpbandster_ng.errors import LogError, StorageError
from hpbandster_ng.storage.codec import decode, encode
from hpbandster_ng.storage.shared import Record


class MemoryTurn:
    def __init__(self, records, number, expired):
        self.at = time.time()
        self.records, self.expired = records, expired
        self.number = number
        self.added = None
        self.leases, self.ended = {}, ()

    def append(self, events, leases=(), ended=()):
        self.added, self.leases, self.ended = encode(events), dict(leases), ended
        return Record(self.number, tuple(events))


class MemoryLogs:
    """As a database would be: what is read was text, and a lease ends by the clock.

    Attributes:
        fails: called before a turn is kept; may raise.
    """

    def __init__(self):
        self.texts, self.leases = {}, {}
        self.fails = lambda: None
        self.turns = threading.Lock()

    def create(self, name, events):
        if name in self.texts:
            return False
        self.texts[name] = [encode(events)]
        self.leases[name] = {}
        return True

    def names(self):
        return sorted(self.texts)

    def read(self, name, after=0, limit=None):
        texts = self.texts.get(name, [])[after:][:limit]
        return [Record(number, tuple(decode(text, name))) for number, text in enumerate(texts, start=after + 1)]

    @contextmanager
    def turn(self, name, after):
        with self.turns:
            if name not in self.texts:
                raise LogError(f"there is no log {name!r}")
            leases = self.leases[name]
            expired = sorted(holder for holder, end in leases.items() if end <= time.monotonic())
            turn = MemoryTurn(self.read(name, after), len(self.texts[name]) + 1, expired)
            yield turn
            self.fails()
            if turn.added is not None:
                self.texts[name].append(turn.added)
                leases.update({holder: time.monotonic() + seconds for holder, seconds in turn.leases.items()})
                for holder in turn.ended:
                    leases.pop(holder, None)

    def renew(self, name, leases):
        found = {holder for holder in leases if holder in self.leases[name]}
        self.leases[name].update({holder: time.monotonic() + leases[holder] for holder in found})
        return found

    def expire(self, name):
        """All leases have ended by now."""
        self.leases[name] = dict.fromkeys(self.leases[name], 0.0)

    def delete(self, name):
        return self.texts.pop(name, None) is not None

    def close(self):
        pass


def broken():
    raise StorageError("the disk is full")
