"""Where the log of a run lives: open, append, read, close, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from hpbandster_ng.engine.events import Event

__all__ = ["FollowedStorage", "News", "Storage", "news_since"]


@runtime_checkable
class Storage(Protocol):
    """A list of events that only grows; many may read it, one writes.

    A constructor only stores. What a new storage must hold,
    :class:`hpbandster_ng.testing.storages.StorageContract` tests.

    Example:
        >>> from hpbandster_ng.storage.memory import MemoryStorage
        >>> isinstance(MemoryStorage(), Storage), isinstance(MemoryStorage(), FollowedStorage)
        (True, False)
    """

    def open(self) -> None:
        """Become the one writer, and mend what a crash left behind; does nothing while this object is the writer.

        Raises:
            StorageBusyError: another one writes.
            StorageError: the place cannot be written, or is damaged.
        """

    def append(self, events: Sequence[Event]) -> None:
        """Add events at the end, all of them or none; when this returns, they outlive this process and its machine.

        Raises:
            StorageBusyError: another one has become the writer.
            StorageError: they cannot be written, or the storage is not open. What was added before is kept.
            NotPlainError: an event holds a value that has no text form.
        """

    def read(self) -> Iterable[Event]:
        """Every event from the first on, in order.

        Needs no ``open``, changes nothing, and may be called while another process writes: then it yields what was
        kept when it was called. Where there is no log yet, it yields nothing.

        Raises:
            StorageError: the place cannot be read, or is damaged.
            LogError: what is there is not a log, or one of a later version.
        """

    def close(self) -> None:
        """Stop being the writer; may be called twice, and before ``open``."""


@dataclass(frozen=True, slots=True)
class News:
    """What a log holds beyond a bookmark.

    Attributes:
        events: in order; they may be decoded while one goes through them.
        bookmark: where the next look begins, of a type of the storage's own; None if there is no log.
        is_anew: whether these are all events from the first on: no bookmark was given, or the log is not the one that
            it was taken from, for it was compacted, replaced or removed.
    """

    events: Iterable[Event]
    bookmark: object
    is_anew: bool


@runtime_checkable
class FollowedStorage(Storage, Protocol):
    """A storage that a reader can follow while it grows, without reading the same twice.

    What it must hold, :class:`hpbandster_ng.testing.storages.FollowedStorageContract` tests.
    """

    def read_on(self, bookmark: object = None) -> News:
        """Every event that was kept since the bookmark was taken; needs no ``open``, and changes nothing.

        Args:
            bookmark: of the last call for this log; None for all events.

        Raises:
            StorageError, LogError: as :meth:`Storage.read`; also while one goes through the events.
        """


class _Numbered(Protocol):
    @property
    def number(self) -> int: ...


_Record = TypeVar("_Record", bound=_Numbered)


def news_since(
    known: _Record | None,
    records_from: Callable[[int], Sequence[_Record]],
    decoded: Callable[[Sequence[_Record]], Iterable[Event]],
) -> News:
    """What a log of numbered records holds beyond the last one that was read; all of it, if that is not there any more.

    Args:
        known: the bookmark; None for all.
        records_from: reads the records from a number on, 1 for the first.
        decoded: their events.
    """
    records = records_from(1 if known is None else known.number)
    if known is not None and (not records or records[0] != known):
        known, records = None, records_from(1)
    mark = records[-1] if records else None
    return News(decoded(records if known is None else records[1:]), mark, known is None)
