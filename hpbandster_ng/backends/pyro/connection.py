"""A connection that takes no message beyond its limit: Pyro4's own limit is one for the whole process."""

from __future__ import annotations

import socket

import Pyro4.errors
from Pyro4 import socketutil

__all__ = ["LimitedConnection"]


class LimitedConnection(socketutil.SocketConnection):  # type: ignore[misc]
    """Hangs up as soon as the header of a message announces too much; nothing of it is read.

    Args:
        sock: a socket that is connected.
        name: of the remote object, for a client.
        limit: bytes that a message may have.
    """

    def __init__(self, sock: socket.socket, name: str | None, limit: int) -> None:
        super().__init__(sock, name)
        self._limit = limit

    def recv(self, size: int) -> bytes:
        """So many bytes.

        Raises:
            Pyro4.errors.MessageTooLargeError: they are too many.
        """
        if size > self._limit:
            self.close()
            raise Pyro4.errors.MessageTooLargeError(f"a message of {size:,} bytes; the limit is {self._limit:,}")
        received: bytes = super().recv(size)
        return received
