"""Python's search for garbage, which would make all workers wait for the master."""

from __future__ import annotations

import gc

__all__ = ["Garbage"]

_SOON = 1.0
"""Seconds of a run after which it is worth a search of its own."""


class Garbage:
    """Looks through all that the process has once, early in a run, and spares the run looking through it again.

    A process that has imported the usual libraries holds half a million objects. To look through them takes 80 ms of
    the master's time, and Python does so every few thousand jobs. What is made during the run is still looked through.
    """

    def __init__(self) -> None:
        self._deadline: float | None = None
        self._is_mine = False

    def begin(self, at: float) -> None:
        self._deadline = at + _SOON

    def search(self, at: float) -> None:
        """Search, if it is time for that; a user who spares himself such searches goes on as he likes."""
        if self._deadline is None or at < self._deadline:
            return
        self._deadline = None
        if gc.isenabled() and gc.get_freeze_count() == 0:
            gc.collect()
            gc.freeze()
            self._is_mine = True

    def end(self) -> None:
        """Python looks through everything again."""
        self._deadline = None
        if self._is_mine:
            self._is_mine = False
            gc.unfreeze()
