"""A Pyro4 daemon in a thread that its owner can end: at once, and with nothing left of it."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

__all__ = ["DaemonThread", "check_address"]


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
        server = self._daemon.transportServer
        server.shutting_down = True  # first: else a worker that is hung up on would be back before the end
        server.wakeup()
        self._thread.join()
        for thread in list(server.pool.busy):
            with contextlib.suppress(AttributeError):  # a thread that has just become idle has no job
                thread.job.csock.close()
        self._daemon.shutdown()
        server._selector.close()  # Pyro4 leaves this descriptor to the garbage collector

    def _serve(self) -> None:
        self._daemon.requestLoop(self._has_begun)

    def _has_begun(self) -> bool:
        self._serves.set()
        return True


def check_address(host: str, port: int) -> None:
    """Listen for a moment, since Pyro4 does not close the socket with which it fails to.

    Raises:
        OSError: the host is not this machine's, or the port is taken.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
