"""A log in memory: gone with the process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hpbandster_ng.engine.events import Event
from hpbandster_ng.errors import StorageError

__all__ = ["MemoryStorage"]


class MemoryStorage:
    """Keeps the events of one run in a list.

    Nobody else can reach it, so that it is open from the beginning.

    Example:
        >>> from hpbandster_ng.engine.events import WorkerJoined
        >>> storage = MemoryStorage()
        >>> storage.append([WorkerJoined(0.0, "w")])
        >>> list(storage.read())
        [WorkerJoined(at=0.0, worker='w')]
    """

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._is_open = True

    def __repr__(self) -> str:
        return "MemoryStorage()"

    def open(self) -> None:
        self._is_open = True

    def append(self, events: Sequence[Event]) -> None:
        """Add events at the end.

        Raises:
            StorageError: it was closed.
        """
        if not self._is_open:
            raise StorageError("this MemoryStorage was closed; call open() before append()")
        self._events.extend(events)

    def read(self) -> Iterable[Event]:
        return iter(self._events[:])

    def close(self) -> None:
        self._is_open = False
