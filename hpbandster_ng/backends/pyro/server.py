"""A Pyro4 daemon in a thread that its owner can end: at once, and with nothing left of it."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

__all__ = ["DaemonThread"]


class DaemonThread:
    """Serves requests until closed.

    Args:
        daemon: a ``Pyro4.Daemon`` that listens already.
        name: of the thread.
    """

    def __init__(self, daemon: Any, name: str) -> None:
        self._daemon = daemon
        self._serves = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)

    def start(self) -> None:
        """Begin to serve; Pyro4 cannot be ended before it has begun, so this waits until it has."""
        self._thread.start()
        self._serves.wait()

    def close(self) -> None:
        """Hang up on everyone and end.

        Pyro4 itself would wait a tenth of a second for each open connection and then leave its thread behind.
        """
        self._hang_up()
        self._daemon.shutdown()
        self._thread.join()
        self._hang_up()

    def _serve(self) -> None:
        self._daemon.requestLoop(self._has_begun)

    def _has_begun(self) -> bool:
        self._serves.set()
        return True

    def _hang_up(self) -> None:
        server = self._daemon.transportServer
        for thread in [] if server is None else list(server.pool.busy):
            with contextlib.suppress(AttributeError):  # a thread that has just become idle has no job
                thread.job.csock.close()
