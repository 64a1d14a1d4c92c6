"""The nameserver: run one, and look things up in one, never waiting without limit."""

from __future__ import annotations

import errno
import socket
import time
from typing import Any

import numpy as np
import Pyro4
import Pyro4.errors
import Pyro4.naming

from hpbandster_ng.backends.pyro.access import Access
from hpbandster_ng.backends.pyro.proxy import proxy_to, speaks_tls
from hpbandster_ng.backends.pyro.secret import Secret
from hpbandster_ng.backends.pyro.server import DaemonThread, check_address
from hpbandster_ng.backends.pyro.settings import (
    CONNECT_TIMEOUT,
    HANDSHAKE_TIMEOUT,
    apply_settings,
    pyro_location,
)
from hpbandster_ng.errors import (
    CredentialsError,
    InvalidArgumentError,
    MissingCredentialsError,
    NameServerBusyError,
    NameServerError,
)

__all__ = [
    "DEFAULT_PORT",
    "NameServerThread",
    "check_port",
    "dispatcher_name",
    "locate_nameserver",
    "lookup",
    "patience_after",
]

DEFAULT_PORT = 9090
"""Where a nameserver listens unless told otherwise."""

_RETRY_INTERVAL = 0.25

_MAX_MESSAGE_BYTES = 64 * 1024
"""Names and addresses are short."""

_WAY_OUT = (
    "check the address, and that the process that runs NameServer.start() is alive: a credentials file may be left "
    "over from a run that has ended; and that insecure=True was given to all processes of the run or to none"
)

_ELSEWHERE = (
    "on another machine, give the directory with the file to Worker.load_nameserver_credentials(), or to the optimizer "
    "as working_directory"
)


def dispatcher_name(run_id: str) -> str:
    """Under which name the master of a run is found."""
    return f"hpbandster.run_{run_id}.dispatcher"


def check_port(port: object, name: str) -> int:
    """A port, with the default in place of None.

    Raises:
        InvalidArgumentError: it is no whole number from 0 to 65535.

    Example:
        >>> check_port(None, "port")
        9090
    """
    if port is None:
        return DEFAULT_PORT
    if isinstance(port, bool) or not isinstance(port, int | np.integer) or not 0 <= port < 65536:
        raise InvalidArgumentError(name, port, "must be a whole number from 0 to 65535", "None means 9090")
    return int(port)


class NameServerThread:
    """A Pyro4 nameserver in a thread of this process.

    Args:
        host: address to listen on.
        port: port to listen on; 0 for any free one.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._thread: DaemonThread | None = None

    def listen(self) -> tuple[str, int]:
        """Take the address; whoever connects waits until :meth:`serve`.

        Returns:
            The host and port listened on.

        Raises:
            NameServerError: the address is not of this machine, or the port is taken.
        """
        apply_settings()
        try:
            check_address(self.host, self.port)
            daemon = Pyro4.naming.NameServerDaemon(self.host, self.port)
        except (OSError, UnicodeError, Pyro4.errors.PyroError) as error:
            is_taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            way_out = (
                "another one may be running there: end it, or choose port=0 for any free port"
                if is_taken
                else "give an address of this machine, for example nic_name_to_host(nic_name)"
            )
            raise NameServerError(
                f"cannot start a nameserver on host={self.host!r}, port={self.port}: {error}; {way_out}"
            ) from error
        self.port = daemon.sock.getsockname()[1]
        self._thread = DaemonThread(daemon, "hpbandster-nameserver", max_message_bytes=_MAX_MESSAGE_BYTES)
        return self.host, self.port

    def serve(self, secret: Secret | None) -> None:
        """Answer the members of the secret's run; without one, everybody."""
        assert self._thread is not None
        self._thread.secret = secret
        self._thread.start()

    def shutdown(self) -> None:
        """Stop listening; may be called twice."""
        if self._thread is not None:
            self._thread.close()
            self._thread = None


def locate_nameserver(
    host: str | None, port: int | None, patience: float, access: Access, with_busy: float = 0.0
) -> Any:
    """A connected proxy to the nameserver.

    Args:
        patience: seconds for which to try again; one attempt at least is made.
        access: to the nameserver's run.
        with_busy: the patience with one that is there and does not come to answer, if that is more.

    Raises:
        NameServerError: none answered; as a MissingCredentialsError, one did, and this process has no credentials.
        CredentialsError: it has, but not those of the nameserver that answered; or others may read them; or it has
            none, for an open run, and the one that answered is closed.
    """
    apply_settings()
    host, port = host or "127.0.0.1", port or DEFAULT_PORT
    begin = time.monotonic()
    while True:
        try:
            return _connected(host, port, access)
        except NameServerError as error:
            if time.monotonic() - begin + _RETRY_INTERVAL >= patience_after(error, patience, with_busy):
                raise
            time.sleep(_RETRY_INTERVAL)


def patience_after(error: NameServerError, patience: float, with_busy: float) -> float:
    """Seconds for which to try again in all, after this error; see :func:`locate_nameserver`."""
    return max(patience, with_busy) if isinstance(error, NameServerBusyError) else patience


def _connected(host: str, port: int, access: Access) -> Any:
    """One attempt."""
    where = f"nameserver={host!r}, nameserver_port={port}"
    try:
        secret = access.look(port)
    except MissingCredentialsError as error:
        if _listens(host, port):
            raise MissingCredentialsError(
                f"who answers at {where} is not the nameserver of run_id={access.run_id!r}, as far as this process can "
                f"tell ({error}); check run_id and address; {_ELSEWHERE}"
            ) from error
        raise NameServerError(f"no nameserver answers at {where} ({error}); {_WAY_OUT}; {_ELSEWHERE}") from error
    proxy = None
    try:
        proxy = proxy_to(pyro_location("Pyro.NameServer", host, port), HANDSHAKE_TIMEOUT, secret)
        proxy.ping()
    except Pyro4.errors.SecurityError as error:
        if access.look(port) != secret:
            raise NameServerError(f"the nameserver at {where} was started anew just now") from error
        raise CredentialsError(
            f"who answers at {where} is not the nameserver of run_id={access.run_id!r}, or has other credentials than "
            f"this process has found ({error}); check run_id and address, copy the credentials file again, and give "
            "insecure=True to all processes of a run or to none"
        ) from error
    except (OSError, UnicodeError, Pyro4.errors.PyroError) as error:
        if proxy is not None:
            proxy._pyroRelease()
        if access.insecure and isinstance(error, Pyro4.errors.ConnectionClosedError) and speaks_tls(host, port):
            raise CredentialsError(
                f"who answers at {where} is the nameserver of a run that is closed to those without its credentials, "
                "and this process was given insecure=True; leave that out here, or give it to all processes of the run"
            ) from error
        kind = NameServerBusyError if isinstance(error, Pyro4.errors.TimeoutError) else NameServerError
        reason = f"{type(error).__name__}: {error}"
        raise kind(f"no nameserver answers at {where} ({reason}); {_WAY_OUT}") from error
    return proxy


def _listens(host: str, port: int) -> bool:
    """Whether anybody accepts connections there."""
    try:
        socket.create_connection((host, port), CONNECT_TIMEOUT).close()
    except (OSError, UnicodeError):
        return False
    return True


def lookup(nameserver: Any, name: str) -> Any | None:
    """The address registered under a name, or None.

    Raises:
        NameServerError: the nameserver does not answer any more.
    """
    try:
        return nameserver.lookup(name)
    except Pyro4.errors.NamingError:
        return None
    except (OSError, Pyro4.errors.PyroError) as error:
        raise NameServerError(f"the nameserver does not answer any more ({type(error).__name__}: {error})") from error
