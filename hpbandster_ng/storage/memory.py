"""A log in memory: gone with the process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hpbandster_ng.engine.events import Event

__all__ = ["MemoryStorage"]


class MemoryStorage:
    """Keeps the events of one run in a list.

    Example:
        >>> from hpbandster_ng.engine.events import WorkerJoined
        >>> storage = MemoryStorage()
        >>> storage.append([WorkerJoined(0.0, "w")])
        >>> list(storage.read())
        [WorkerJoined(at=0.0, worker='w')]
    """

    def __init__(self) -> None:
        self._events: list[Event] = []

    def append(self, events: Sequence[Event]) -> None:
        self._events.extend(events)

    def read(self) -> Iterable[Event]:
        return iter(self._events)
