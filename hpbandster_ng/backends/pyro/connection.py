"""A connection with a limit of its own for messages; Pyro4's limit is one for the whole process."""

from __future__ import annotations

import contextlib
import socket

import Pyro4.errors
from Pyro4 import socketutil

__all__ = ["LimitedConnection"]

_CHUNK = 64 * 1024


class LimitedConnection(socketutil.SocketConnection):  # type: ignore[misc]
    """Hangs up as soon as the header of a message announces too much; nothing of it is read.

    It takes what has arrived in one go. Pyro4 asks for header and body one by one, and over TLS each time costs as much
    as a small message: calls a second rise by half.

    Args:
        sock: a socket that is connected.
        name: of the remote object, for a client.
        limit: bytes that a message may have.
    """

    def __init__(self, sock: socket.socket, name: str | None, limit: int) -> None:
        super().__init__(sock, name)
        self._limit = limit
        self._received = bytearray()

    def hang_up(self) -> None:
        """End it from a thread that does not read from it; the one that does closes it then.

        Closed here, its descriptor could be that of another connection by the time that the reader wakes, and TLS would
        take what is meant for that one.
        """
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # that of a TLS socket would forget about TLS

    def recv(self, size: int) -> bytes:
        """The next so many bytes.

        Raises:
            Pyro4.errors.MessageTooLargeError: they are too many.
            Pyro4.errors.TimeoutError: they did not come in time.
            Pyro4.errors.ConnectionClosedError: they never will.
        """
        if size > self._limit:
            self.close()
            raise Pyro4.errors.MessageTooLargeError(f"a message of {size:,} bytes; the limit is {self._limit:,}")
        while len(self._received) < size:
            try:
                chunk = self.sock.recv(_CHUNK)
            except TimeoutError as error:
                raise Pyro4.errors.TimeoutError("receiving: timeout") from error
            except OSError as error:
                raise Pyro4.errors.ConnectionClosedError(f"receiving: connection lost: {error}") from error
            if not chunk:
                raise Pyro4.errors.ConnectionClosedError("receiving: not enough data")
            self._received += chunk
        with memoryview(self._received) as received:
            taken = bytes(received[:size])
        del self._received[:size]
        return taken
