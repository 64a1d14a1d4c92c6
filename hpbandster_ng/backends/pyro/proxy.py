"""Proxies to remote objects of a run that is closed to others, or open."""

from __future__ import annotations

import socket
import ssl
from typing import Any, NoReturn

import Pyro4
import Pyro4.errors
from Pyro4 import message, util

from hpbandster_ng.backends.pyro.connection import LimitedConnection
from hpbandster_ng.backends.pyro.secret import Secret
from hpbandster_ng.backends.pyro.settings import CONNECT_TIMEOUT, ESCAPED, MAX_MESSAGE_BYTES

__all__ = ["proxy_to", "speaks_tls"]

_INTERRUPTIONS = (ssl.SSLEOFError, ssl.SSLSyscallError, ssl.SSLZeroReturnError)
"""A connection that breaks says nothing of who was there."""


def proxy_to(location: Any, timeout: float, secret: Secret | None) -> Any:
    """A proxy whose every call has a time limit; connects on its first call, and anew after a failed one.

    Such a call may raise what a call of Pyro4's own proxies raises, and ``Pyro4.errors.SecurityError`` if who answers
    is not of the secret's run.

    Args:
        secret: that of the run; None if it is open to everybody.
    """
    proxy = _Proxy(location, secret)
    proxy._pyroTimeout = timeout
    return proxy


def speaks_tls(host: str, port: int) -> bool:
    """Whether who listens there answers as the processes of a closed run do; nothing is believed or told."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((host, port), CONNECT_TIMEOUT) as sock, context.wrap_socket(sock):
            return True
    except (OSError, UnicodeError):
        return False


class _Proxy(Pyro4.Proxy):  # type: ignore[misc]
    """Connects with a secret of its own, and reads what comes by one serializer only.

    Pyro4's own proxies know one secret for the whole process, and read the first answer of a server by any serializer
    that it names, ``pickle`` included.
    """

    def __init__(self, location: Any, secret: Secret | None) -> None:
        super().__init__(location)
        object.__setattr__(self, "_secret", secret)  # a proxy takes every other attribute for a remote one

    def __getstate__(self) -> NoReturn:
        raise TypeError("a proxy may hold a secret, so it is never sent or stored; send its address")

    __getstate_for_dict__ = __getstate__

    # Pyro4's name, from outside the class, for the one place where a proxy connects.
    def _Proxy__pyroCreateConnection(self, replaceUri: bool = False, connected_socket: Any = None) -> bool:
        with self._Proxy__pyroConnLock:
            if self._pyroConnection is not None:  # type: ignore[has-type]
                return False
            uri = self._pyroUri
            try:
                sock = _connected(uri.host, uri.port, self._pyroTimeout, self._secret)
            except _INTERRUPTIONS as error:
                raise Pyro4.errors.CommunicationError(f"the connection broke as it began: {error}") from error
            except ssl.SSLError as error:
                raise Pyro4.errors.SecurityError(getattr(error, "verify_message", error.reason)) from error
            except _SilenceError as error:
                raise Pyro4.errors.TimeoutError(f"cannot connect: {error}") from error
            except (OSError, UnicodeError) as error:
                raise Pyro4.errors.CommunicationError(f"cannot connect: {error}") from error
            connection = LimitedConnection(sock, uri.object, ESCAPED * MAX_MESSAGE_BYTES)
            try:
                self._Proxy__processMetadata(_greeted(connection))
            except BaseException:
                connection.close()
                raise
            self._pyroConnection = connection
            return True


class _SilenceError(Exception):
    """Who has taken a connection says nothing on it."""


def _connected(host: str, port: int, timeout: float, secret: Secret | None) -> socket.socket:
    sock = socket.create_connection((host, port), min(timeout, CONNECT_TIMEOUT))
    try:
        sock.settimeout(timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if secret is None:
            return sock
        sock.getpeername()  # raises if the other end has hung up; Python leaves open what it fails to wrap for that
        return secret.for_clients.wrap_socket(sock)
    except TimeoutError as error:
        sock.close()
        raise _SilenceError(error) from error
    except BaseException:
        sock.close()
        raise


def _greeted(connection: Any) -> Any:
    """What the remote object offers, which is Pyro4's answer to a hello."""
    serializer = util.get_serializer(Pyro4.config.SERIALIZER)
    data, _ = serializer.serializeData({"handshake": "hello", "object": connection.objectId})
    hello = message.Message(message.MSG_CONNECT, data, serializer.serializer_id, message.FLAGS_META_ON_CONNECT, 0)
    connection.send(hello.to_bytes())
    reply = message.Message.recv(connection, [message.MSG_CONNECTOK, message.MSG_CONNECTFAIL])
    if reply.serializer_id != serializer.serializer_id:
        raise Pyro4.errors.CommunicationError("who answers does not keep to the serializer of this run")
    answer = serializer.deserializeData(reply.data, reply.flags & message.FLAGS_COMPRESSED)
    if reply.type == message.MSG_CONNECTFAIL:
        raise Pyro4.errors.CommunicationError(f"the connection was refused: {answer}")
    return answer["meta"]
