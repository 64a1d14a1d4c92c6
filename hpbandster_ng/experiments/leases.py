"""Showing that who has a suggestion is alive."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from hpbandster_ng.errors import StorageError

__all__ = ["LeaseKeeper"]

_logger = logging.getLogger("hpbandster_ng")

_SHARE = 0.25
"""Of the length of a lease, after which it is renewed: three renewals may be missed."""


class LeaseKeeper:
    """Renews leases in a thread of its own, until they are given up.

    Args:
        seconds: of a lease.
        renew: makes leases last so many seconds from now, by their holders; returns those that were there.
    """

    def __init__(self, seconds: float, renew: Callable[[Mapping[str, float]], set[str]]) -> None:
        self.seconds = seconds
        self._renew = renew
        self._holders: set[str] = set()
        self._lock = threading.Lock()
        self._is_closed = threading.Event()
        self._thread: threading.Thread | None = None

    def keep(self, holder: str) -> None:
        """This process has the suggestion of that holder from now on."""
        with self._lock:
            self._holders.add(holder)
            if self._thread is None:
                self._is_closed.clear()
                self._thread = threading.Thread(target=self._beat, name="hpbandster-leases", daemon=True)
                self._thread.start()

    def give_up(self, holder: str) -> None:
        """It has it no more."""
        with self._lock:
            self._holders.discard(holder)

    def close(self) -> None:
        """Renew nothing any more; may be called twice."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._holders.clear()
        self._is_closed.set()
        if thread is not None:
            thread.join()

    def _beat(self) -> None:
        while not self._is_closed.wait(self.seconds * _SHARE):
            with self._lock:
                holders = dict.fromkeys(self._holders, self.seconds)
            if not holders:
                continue
            try:
                gone = holders.keys() - self._renew(holders)
            except StorageError as error:
                _logger.warning("leases of suggestions cannot be renewed: %s", error)
                continue
            for holder in gone:
                self.give_up(holder)
