"""A database that is away for a while, which ends no worker."""

from __future__ import annotations

import logging
import time

from hpbandster_ng.errors import StorageError

__all__ = ["Outage"]

_LONGEST = 300.0
"""Seconds that a database may be away: its server starts again, or another one takes its place."""

_PAUSE = 1.0
"""Seconds between two tries."""

_log = logging.getLogger("hpbandster_ng")


class Outage:
    """Says when to try again; there is one while errors follow each other and nothing succeeds."""

    def __init__(self) -> None:
        self._began: float | None = None

    def bear(self, error: StorageError) -> None:
        """Wait for the next try.

        Raises:
            StorageError: the error, because the outage has lasted too long.
        """
        now = time.monotonic()
        if self._began is None:
            self._began = now
            _log.warning("%s; this worker tries again for %g seconds", error, _LONGEST)
        if now - self._began >= _LONGEST:
            raise error
        time.sleep(_PAUSE)

    def ends(self) -> None:
        """The database has answered."""
        if self._began is not None:
            _log.warning("the database answers again, after %.0f seconds", time.monotonic() - self._began)
            self._began = None
