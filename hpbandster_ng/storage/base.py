"""Where the log of a run lives: append and read, nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from hpbandster_ng.engine.events import Event

__all__ = ["Storage"]


class Storage(Protocol):
    """A list of events that only grows."""

    def append(self, events: Sequence[Event]) -> None:
        """Add events at the end; when this returns they are kept."""

    def read(self) -> Iterable[Event]:
        """Every event from the first on, in order."""
