"""A Pyro4 daemon in a thread that its owner can end: at once, and with nothing left of it.

Whoever connects is a stranger until the handshake is done. A handshake takes place in a thread of its own, has a time
limit, and there are never more than so many at a time, so that strangers hold up nobody.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
from typing import Any, NoReturn

import Pyro4.errors
from Pyro4.socketserver.threadpool import NoFreeWorkersError
from Pyro4.socketserver.threadpoolserver import ClientConnectionJob

from hpbandster_ng.backends.pyro.connection import LimitedConnection
from hpbandster_ng.backends.pyro.secret import Secret
from hpbandster_ng.backends.pyro.settings import CALL_TIMEOUT, ESCAPED, HANDSHAKE_TIMEOUT, MAX_MESSAGE_BYTES

__all__ = ["DaemonThread", "check_address"]

_MAX_STRANGERS = 1024
"""So many connections may be at their handshake at a time: as many members may come at once."""

_BACKLOG = 1024
"""So many connections the operating system holds until they are accepted."""

_PAUSE = 0.05
"""Seconds of rest when the machine has neither descriptors nor threads for another connection."""

_logger = logging.getLogger("hpbandster_ng")


class DaemonThread:
    """Serves requests until closed.

    Args:
        daemon: a ``Pyro4.Daemon`` that listens already.
        name: of the thread.
        secret: that of the run whose members are served; None to serve everybody.
        max_message_bytes: what a text may weigh that is received; whoever announces more is hung up on.

    Attributes:
        secret: may be changed at any time, for connections to come.
    """

    def __init__(
        self, daemon: Any, name: str, secret: Secret | None = None, max_message_bytes: int = MAX_MESSAGE_BYTES
    ) -> None:
        self.secret = secret
        self._limit = ESCAPED * max_message_bytes
        daemon._Daemon__deserializeBlobArgs = _refuse_blob
        self._daemon = daemon
        self._server = daemon.transportServer
        self._strangers = _Strangers()
        self._is_closing = threading.Event()
        self._bell, self._bell_push = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._server.sock.listen(_BACKLOG)
        self._server._selector.register(self._bell, selectors.EVENT_READ)
        self._thread.start()

    def close(self) -> None:
        """Hang up on everyone and end; may be called without :meth:`start`.

        Pyro4 itself would wait a tenth of a second for each open connection and then leave its thread behind.
        """
        self._is_closing.set()
        self._bell_push.close()
        if self._thread.ident is not None:
            self._thread.join()
        self._server.sock.close()  # first: else a worker that is hung up on would be back before the end
        while self._strangers.expel_oldest():
            pass
        for thread in list(self._server.pool.busy):
            with contextlib.suppress(AttributeError):  # a thread that has just become idle has no job
                thread.job.csock.hang_up()
        self._daemon.shutdown()
        self._server._selector.close()  # Pyro4 leaves this descriptor to the garbage collector
        self._bell.close()

    def _serve(self) -> None:
        while True:
            self._server._selector.select()
            if self._is_closing.is_set():
                return
            try:
                sock, address = self._server.sock.accept()
            except OSError as error:
                _logger.debug("cannot accept a connection: %s", error)
                self._make_room()
                continue
            self._take(sock, address)

    def _take(self, sock: socket.socket, address: Any) -> None:
        limited = LimitedConnection(sock, None, self._limit)
        connection = _Connection(limited, address, self._daemon, self.secret, self._strangers)
        self._strangers.admit(connection)
        try:
            self._server.pool.process(connection)
        except (NoFreeWorkersError, RuntimeError) as error:  # the second: the system has no thread left
            _logger.debug("cannot serve %s: %s", address, error)
            self._strangers.dismiss(connection)
            connection.csock.close()
            self._make_room()

    def _make_room(self) -> None:
        self._strangers.expel_oldest()
        self._is_closing.wait(_PAUSE)


class _Connection(ClientConnectionJob):  # type: ignore[misc]
    """A connection, whose requests are served in a thread of its own once it has shown that it belongs here."""

    def __init__(
        self,
        connection: LimitedConnection,
        address: Any,
        daemon: Any,
        secret: Secret | None,
        strangers: _Strangers,
    ) -> None:
        # Pyro4's names, and not its constructor, which makes a connection without a limit.
        self.csock = connection
        self.caddr = address
        self.daemon = daemon
        self._secret = secret
        self._strangers = strangers
        self._is_expelled = False

    def handleConnection(self) -> bool:
        """Whether the handshake succeeds; Pyro4 calls this first in the connection's thread."""
        try:
            self.csock.timeout = HANDSHAKE_TIMEOUT
            if self._secret is not None:
                context = self._secret.for_servers
                self.csock.sock.getpeername()  # as a client does before it wraps its end
                self.csock.sock = context.wrap_socket(self.csock.sock, server_side=True, do_handshake_on_connect=False)
                if self._is_expelled:  # a moment ago, when the socket changed
                    raise ConnectionAbortedError("there are too many")
                self.csock.sock.do_handshake()
            if not super().handleConnection():
                return False
            self.csock.timeout = CALL_TIMEOUT
        except OSError as error:
            _logger.debug("refused %s: %s", self.caddr, error)
            self.csock.close()
            return False
        finally:
            self._strangers.dismiss(self)
        return True

    def expel(self) -> None:
        """End the handshake, from another thread."""
        self._is_expelled = True
        self.csock.hang_up()


class _Strangers:
    """The connections at their handshake; where there are too many, the one that has been at it longest must go.

    A member needs milliseconds for it. So it gets through, however many come that say nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: dict[_Connection, None] = {}

    def admit(self, connection: _Connection) -> None:
        with self._lock:
            self._connections[connection] = None
            is_crowded = len(self._connections) > _MAX_STRANGERS
        if is_crowded:
            self.expel_oldest()

    def dismiss(self, connection: _Connection) -> None:
        """It is a stranger no longer, or has gone."""
        with self._lock:
            self._connections.pop(connection, None)

    def expel_oldest(self) -> bool:
        """Whether there was one."""
        with self._lock:
            oldest = next(iter(self._connections), None)
            if oldest is None:
                return False
            del self._connections[oldest]
        oldest.expel()
        return True


def _refuse_blob(_message: Any) -> NoReturn:
    """Pyro4 reads part of such a message with ``marshal``, which is not made for what strangers send."""
    raise Pyro4.errors.SerializeError("serialized blobs are not accepted")


def check_address(host: str, port: int) -> None:
    """Listen for a moment, since Pyro4 does not close the socket with which it fails to.

    Raises:
        OSError: the host is not this machine's, or the port is taken.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
