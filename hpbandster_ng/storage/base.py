"""Where the log of a run lives: open, append, read, close, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from hpbandster_ng.engine.events import Event

__all__ = ["Storage"]


@runtime_checkable
class Storage(Protocol):
    """A list of events that only grows; many may read it, one writes.

    A constructor only stores. What a new storage must hold,
    :class:`hpbandster_ng.testing.storages.StorageContract` tests.
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
