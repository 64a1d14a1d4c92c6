"""Logs that many processes write in turn: where experiments live that have no master.

Whoever wants to add to a log takes a turn: it gets what was added since it last looked, decides, and adds what follows
from it. Nobody else adds anything meanwhile, so that what one decides rests on all that was written before. Who holds a
job has a lease on it, which is no part of the log: it is renewed every few seconds, and tells only who is still alive.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from hpbandster_ng.engine.events import Event

__all__ = ["Ahead", "Offer", "OfferedError", "Record", "SharedLogs", "Taken", "Turn", "early_place"]


@dataclass(frozen=True, slots=True)
class Record:
    """What one turn has added.

    Attributes:
        number: 1 for the first of a log, and one more for each.
        events: in their order.
    """

    number: int
    events: tuple[Event, ...]


Ahead = Callable[[Sequence[Record]], object]
"""Takes records before a turn begins."""

Offer = Sequence[Event]
"""What somebody needs to know to add a record without a turn; each is taken once."""


def early_place() -> int:
    """Of the offer to be taken: were it always the first, most of those that ask at the same time would get none."""
    return random.randrange(32)


@dataclass(frozen=True, slots=True)
class Taken:
    """An offer that was taken.

    Attributes:
        number: of the record that was added.
        at: when, by the clock that all who write to the log share.
        offer: what was taken.
        left: how many there are still.
    """

    number: int
    at: float
    offer: Offer
    left: int


class OfferedError(Exception):
    """While somebody waited for a turn, offers came: one of them will do."""


class Turn(Protocol):
    """The right to add to a log, from the beginning of a ``with`` block to its end.

    Attributes:
        at: when it began, in unix seconds by the clock that all who write to the log share.
        records: those that the caller did not know.
        expired: the holders of leases that have ended, in ascending order.
    """

    @property
    def at(self) -> float: ...
    @property
    def records(self) -> Sequence[Record]: ...
    @property
    def expired(self) -> Sequence[str]: ...

    def append(
        self,
        events: Sequence[Event],
        leases: Mapping[str, float] = ...,
        ended: Collection[str] = ...,
        offers: Sequence[Offer] = ...,
    ) -> Record:
        """Add a record; called once at most. When this returns, it may not be kept yet; when the block is left, it is.

        So what is raised because it cannot be written may be raised here, or when the block is left.

        Args:
            events: at least one.
            leases: new leases: seconds from now, by holder.
            ended: holders whose leases end; one that has none is ignored.
            offers: take the place of all that there are.

        Raises:
            NotPlainError: an event holds a value that has no text form.
            StorageBusyError: the turn took so long that another process was given the next one; nothing was added.
            StorageError: nothing could be written.
        """


class SharedLogs(Protocol):
    """Logs by their names, in one place; each may be written by many processes and threads at a time.

    A constructor only stores. What a new one must hold,
    :class:`hpbandster_ng.testing.shared_logs.SharedLogsContract` tests.

    Raises:
        StorageError: every method: the place cannot be reached, read or written.

    Example:
        >>> from hpbandster_ng.engine.events import OpenIteration
        >>> from hpbandster_ng.storage.memory_logs import MemoryLogs
        >>> logs = MemoryLogs()
        >>> logs.create("shared", [OpenIteration(0.0, 0)])
        True
        >>> with logs.turn("shared", after=0) as turn:
        ...     turn.append([OpenIteration(1.0, len(turn.records))]).number
        2
    """

    def create(self, name: str, events: Sequence[Event]) -> bool:
        """Begin a log with a first record; returns False, and changes nothing, if there is one of that name."""

    def names(self) -> list[str]:
        """The logs that there are, in ascending order; none where nothing was ever created."""

    def head(self, name: str) -> Record | None:
        """The first record; None if there is no such log.

        Raises:
            LogError: see :meth:`read`.
        """

    def read(self, name: str, after: int = 0) -> list[Record]:
        """The records with a larger number, in order; none if there is no such log.

        Raises:
            LogError: a record was not written by this package, or by a later version of it.
        """

    def turn(
        self, name: str, after: int, ahead: Ahead | None = None, unless_offered: bool = False
    ) -> AbstractContextManager[Turn]:
        """Wait until nobody else has a turn in this log, and take one.

        What is raised in the block leaves the log as it was.

        Args:
            after: the number of the last record that the caller knows; 0 for none.
            ahead: gets records that could be read while others had their turns; the turn has those that follow. What
                is done with them here holds up nobody.
            unless_offered: give up where there are offers when the turn is near.

        Raises:
            OfferedError: there are.
            LogError: there is no such log, or see :meth:`read`.
        """

    def take(
        self, name: str, holder: str, seconds: float, events: Callable[[Offer, float], Sequence[Event]]
    ) -> Taken | None:
        """Take one of the first offers, and add a record that follows from it, whatever others add meanwhile.

        Args:
            holder: gets a lease.
            seconds: from now, when the lease ends.
            events: what is recorded when that offer is taken at that time; none to refuse it. May be called more than
                once.

        Returns:
            None if there is no offer, it is refused, or others are in the way: then a turn tells.
        """

    def end(self, name: str, holder: str, events: Callable[[float], Sequence[Event]]) -> bool:
        """End a lease, and add a record with it, whatever others add meanwhile.

        Args:
            events: what is recorded when it ends at that time; may be called more than once.

        Returns:
            False, and nothing has changed, if there is no such lease, or others are in the way: then a turn tells.

        Raises:
            NotPlainError: an event holds a value that has no text form.
        """

    def renew(self, name: str, leases: Mapping[str, float]) -> set[str]:
        """Make leases end so many seconds from now; of those that have ended or never were, nothing comes back.

        This waits for the turn that there is, which may be ending them.

        Returns:
            The holders whose leases were there to be renewed.
        """

    def delete(self, name: str) -> bool:
        """Remove a log with its leases; returns whether it was there."""

    def close(self) -> None:
        """Let go of connections; may be called twice, and what is used again afterwards connects anew."""
