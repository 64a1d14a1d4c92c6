"""Shared logs in memory, for the threads of one process: gone with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from hpbandster_ng.engine.events import Event
from hpbandster_ng.errors import LogError
from hpbandster_ng.storage.codec import encode
from hpbandster_ng.storage.shared import Ahead, Offer, OfferedError, Record, Taken

__all__ = ["MemoryLogs", "MemoryTurn"]


@dataclass
class _Log:
    records: list[Record]
    leases: dict[str, float] = field(default_factory=dict)
    offers: list[Offer] = field(default_factory=list)
    turns: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class MemoryTurn:
    """See :class:`~hpbandster_ng.storage.shared.Turn`."""

    at: float
    records: Sequence[Record]
    expired: Sequence[str]
    number: int
    added: Record | None = None
    leases: Mapping[str, float] = field(default_factory=dict)
    ended: Collection[str] = ()
    offers: Sequence[Offer] = ()

    def append(
        self,
        events: Sequence[Event],
        leases: Mapping[str, float] | None = None,
        ended: Collection[str] = (),
        offers: Sequence[Offer] = (),
    ) -> Record:
        """Add a record.

        Raises:
            NotPlainError: an event holds a value that has no text form.
        """
        encode(events)
        self.added, self.leases, self.ended = Record(self.number, tuple(events)), dict(leases or {}), ended
        self.offers = offers
        return self.added


class MemoryLogs:
    """Keeps logs in lists; see :class:`~hpbandster_ng.storage.shared.SharedLogs`.

    Example:
        >>> from hpbandster_ng.engine.events import OpenIteration
        >>> logs = MemoryLogs()
        >>> logs.create("a", [OpenIteration(0.0, 0)]), logs.create("a", [OpenIteration(0.0, 0)])
        (True, False)
        >>> with logs.turn("a", after=1) as turn:
        ...     _ = turn.append([OpenIteration(1.0, 1)])
        >>> [record.number for record in logs.read("a")]
        [1, 2]
    """

    def __init__(self) -> None:
        self._logs: dict[str, _Log] = {}

    def create(self, name: str, events: Sequence[Event]) -> bool:
        encode(events)
        if name in self._logs:
            return False
        self._logs[name] = _Log([Record(1, tuple(events))])
        return True

    def names(self) -> list[str]:
        return sorted(self._logs)

    def head(self, name: str) -> Record | None:
        return next(iter(self.read(name)), None)

    def read(self, name: str, after: int = 0) -> list[Record]:
        log = self._logs.get(name)
        return [] if log is None else log.records[after:]

    @contextmanager
    def turn(
        self, name: str, after: int, ahead: Ahead | None = None, unless_offered: bool = False
    ) -> Iterator[MemoryTurn]:
        """Wait for a turn, and take it.

        Raises:
            LogError: there is no such log.
            OfferedError: see :meth:`SharedLogs.turn`.
        """
        log = self._logs.get(name)
        if log is None:
            raise LogError(f"there is no log {name!r}; create it first")
        with log.turns:
            if unless_offered and log.offers:
                raise OfferedError
            now = time.monotonic()
            expired = sorted(holder for holder, end in log.leases.items() if end <= now)
            turn = MemoryTurn(time.time(), log.records[after:], expired, len(log.records) + 1)
            yield turn
            if turn.added is not None:
                log.records.append(turn.added)
                log.leases.update({holder: now + seconds for holder, seconds in turn.leases.items()})
                for holder in turn.ended:
                    log.leases.pop(holder, None)
                log.offers = list(turn.offers)

    def take(
        self, name: str, holder: str, seconds: float, events: Callable[[Offer, float], Sequence[Event]]
    ) -> Taken | None:
        log = self._logs.get(name)
        if log is None:
            return None
        with log.turns:
            if not log.offers:
                return None
            offer, at = log.offers[0], time.time()
            if not (added := events(offer, at)):
                return None
            del log.offers[0]
            log.records.append(Record(len(log.records) + 1, tuple(added)))
            log.leases[holder] = time.monotonic() + seconds
            return Taken(len(log.records), at, offer, len(log.offers))

    def end(self, name: str, holder: str, events: Callable[[float], Sequence[Event]]) -> bool:
        log = self._logs.get(name)
        if log is None:
            return False
        with log.turns:
            if holder not in log.leases:
                return False
            record = Record(len(log.records) + 1, tuple(events(time.time())))
            encode(record.events)
            log.records.append(record)
            del log.leases[holder]
            return True

    def renew(self, name: str, leases: Mapping[str, float]) -> set[str]:
        log = self._logs.get(name)
        if log is None:
            return set()
        with log.turns:
            found = log.leases.keys() & leases.keys()
            log.leases.update({holder: time.monotonic() + leases[holder] for holder in found})
        return found

    def delete(self, name: str) -> bool:
        return self._logs.pop(name, None) is not None

    def close(self) -> None:
        pass
