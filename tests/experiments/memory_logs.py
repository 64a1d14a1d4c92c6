"""Shared logs in memory that can be made to fail, and whose leases can be made to end."""

from __future__ import annotations

from contextlib import contextmanager

from hpbandster_ng.errors import StorageError
from hpbandster_ng.storage.codec import decode, encode
from hpbandster_ng.storage.memory_logs import MemoryLogs
from hpbandster_ng.storage.shared import Record


class FailingLogs(MemoryLogs):
    """What is read was text, as in a database.

    Attributes:
        fails: called before anything is kept; may raise.
    """

    def __init__(self):
        super().__init__()
        self.fails = lambda: None

    def read(self, name, after=0):
        return [_read_back(record) for record in super().read(name, after)]

    @contextmanager
    def turn(self, name, after, ahead=None, unless_offered=False):
        if ahead is not None:
            ahead(self.read(name, after)[:1])  # as one who came late to read
        with super().turn(name, after, unless_offered=unless_offered) as turn:
            turn.records = [_read_back(record) for record in turn.records]
            yield turn
            self.fails()

    def take(self, *arguments):
        self.fails()
        return super().take(*arguments)

    def end(self, *arguments):
        self.fails()
        return super().end(*arguments)

    def expire(self, name):
        """All leases have ended by now."""
        self.renew(name, dict.fromkeys(self._logs[name].leases, 0.0))


def _read_back(record):
    return Record(record.number, tuple(decode(encode(record.events), "the log")))


def broken():
    raise StorageError("the disk is full")
