"""A storage object that one run of this process writes to."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from weakref import WeakValueDictionary

from hpbandster_ng.engine.events import Event
from hpbandster_ng.errors import StorageBusyError
from hpbandster_ng.storage.base import Storage

__all__ = ["OwnStorage"]


class OwnStorage:
    """Keeps other runs of this process off a storage object while it is open.

    To the object itself all who have it are one writer, so it would let two of them spoil each other's log.

    Args:
        storage: may have been given to others as well.

    Example:
        >>> from hpbandster_ng.storage.memory import MemoryStorage
        >>> storage = MemoryStorage()
        >>> first, second = OwnStorage(storage), OwnStorage(storage)
        >>> first.open()
        >>> second.open()
        Traceback (most recent call last):
        hpbandster_ng.errors.StorageBusyError: MemoryStorage() is written by another optimizer of this process; call \
its shutdown() first
        >>> first.close()
        >>> second.open()
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def __repr__(self) -> str:
        return repr(self._storage)

    def open(self) -> None:
        """Become the one writer; does nothing while this is the writer.

        Raises:
            StorageBusyError: another run writes, in this process or elsewhere.
            StorageError: the place cannot be written, or is damaged.
        """
        with _owners_lock:
            owner = _owners.setdefault(id(self._storage), self)
        if owner is not self:
            raise StorageBusyError(
                f"{self!r} is written by another optimizer of this process; call its shutdown() first"
            )
        self._storage.open()

    def append(self, events: Sequence[Event]) -> None:
        self._storage.append(events)

    def read(self) -> Iterable[Event]:
        return self._storage.read()

    def close(self) -> None:
        """Stop being the writer; does nothing if another run is."""
        with _owners_lock:
            is_mine = _owners.get(id(self._storage)) is self
        if is_mine:
            self._storage.close()
            with _owners_lock:
                _owners.pop(id(self._storage), None)


_owners: WeakValueDictionary[int, OwnStorage] = WeakValueDictionary()
"""By the ``id`` of the object; an owner that nobody has any more writes nothing."""

_owners_lock = threading.Lock()
