"""Proxies to remote objects, closed to others or not."""

from __future__ import annotations

import ssl
from typing import Any, NoReturn

import Pyro4
import Pyro4.errors
from Pyro4 import message, socketutil, util

from hpbandster_ng.backends.pyro.secret import Secret

__all__ = ["proxy_to"]

_INTERRUPTIONS = (ssl.SSLEOFError, ssl.SSLSyscallError, ssl.SSLZeroReturnError)
"""A connection that breaks says nothing of who was there."""


def proxy_to(location: Any, timeout: float, secret: Secret | None) -> Any:
    """A proxy whose every call has a time limit; connects on its first call.

    Args:
        secret: that of the run; None for a run that is open to everybody.
    """
    proxy = Pyro4.Proxy(location) if secret is None else _MembersProxy(location, secret)
    proxy._pyroTimeout = timeout
    return proxy


class _MembersProxy(Pyro4.Proxy):  # type: ignore[misc]
    """Connects with a secret of its own; Pyro4 itself knows but one for the whole process.

    Raises, on its first call and whenever it connects anew:
        Pyro4.errors.SecurityError: who answers is not of the secret's run.
        Pyro4.errors.CommunicationError: nobody answers.
    """

    def __init__(self, location: Any, secret: Secret) -> None:
        super().__init__(location)
        object.__setattr__(self, "_secret", secret)  # a proxy takes every other attribute for a remote one

    def __getstate__(self) -> NoReturn:
        raise TypeError("a proxy that holds a secret is never sent or stored; send its address")

    __getstate_for_dict__ = __getstate__

    # Pyro4's name, from outside the class, for the one place where a proxy connects.
    def _Proxy__pyroCreateConnection(self, replaceUri: bool = False, connected_socket: Any = None) -> bool:
        with self._Proxy__pyroConnLock:
            if self._pyroConnection is not None:  # type: ignore[has-type]
                return False
            uri = self._pyroUri
            try:
                sock = self._secret.connect(uri.host, uri.port, self._pyroTimeout)
            except _INTERRUPTIONS as error:
                raise Pyro4.errors.CommunicationError(f"the connection broke as it began: {error}") from error
            except ssl.SSLError as error:
                raise Pyro4.errors.SecurityError(error.reason or str(error)) from error
            except (OSError, UnicodeError) as error:
                raise Pyro4.errors.CommunicationError(f"cannot connect: {error}") from error
            connection = socketutil.SocketConnection(sock, uri.object)
            try:
                self._greet(connection)
            except BaseException:
                connection.close()
                raise
            self._pyroConnection = connection
            return True

    def _greet(self, connection: Any) -> None:
        """Say hello in the way of Pyro4, which answers with what the object offers."""
        serializer = util.get_serializer(Pyro4.config.SERIALIZER)
        data, _ = serializer.serializeData({"handshake": self._pyroHandshake, "object": connection.objectId})
        flags = message.FLAGS_META_ON_CONNECT
        hello = message.Message(message.MSG_CONNECT, data, serializer.serializer_id, flags, self._pyroSeq)
        connection.send(hello.to_bytes())
        reply = message.Message.recv(connection, [message.MSG_CONNECTOK, message.MSG_CONNECTFAIL])
        if reply.serializer_id != serializer.serializer_id:
            raise Pyro4.errors.CommunicationError("the answer is not in the serializer that was agreed upon")
        answer = serializer.deserializeData(reply.data, reply.flags & message.FLAGS_COMPRESSED)
        if reply.type == message.MSG_CONNECTFAIL:
            raise Pyro4.errors.CommunicationError(f"the connection was refused: {answer}")
        self._Proxy__processMetadata(answer["meta"])
