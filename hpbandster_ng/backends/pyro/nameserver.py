"""The nameserver: run one, and look things up in one, never waiting without limit."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import Pyro4
import Pyro4.errors
import Pyro4.naming

from hpbandster_ng.backends.pyro.server import DaemonThread, check_address
from hpbandster_ng.backends.pyro.settings import CONNECT_TIMEOUT, apply_settings, pyro_location
from hpbandster_ng.errors import InvalidArgumentError, NameServerError

__all__ = [
    "DEFAULT_PORT",
    "NameServerThread",
    "check_port",
    "dispatcher_name",
    "locate_nameserver",
    "lookup",
    "proxy_to",
]

DEFAULT_PORT = 9090
"""Where a nameserver listens unless told otherwise."""

_RETRY_INTERVAL = 0.25


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

    def start(self) -> tuple[str, int]:
        """Listen.

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
        self._thread = DaemonThread(daemon, "hpbandster-nameserver")
        self._thread.start()
        return self.host, self.port

    def shutdown(self) -> None:
        """Stop listening; may be called twice."""
        if self._thread is not None:
            self._thread.close()
            self._thread = None


def proxy_to(location: Any, timeout: float) -> Any:
    """A proxy whose every call has a time limit; connects on its first call."""
    proxy = Pyro4.Proxy(location)
    proxy._pyroTimeout = timeout
    return proxy


def locate_nameserver(host: str | None, port: int | None, patience: float) -> Any:
    """A connected proxy to the nameserver.

    Args:
        patience: seconds for which to try again; one attempt at least is made.

    Raises:
        NameServerError: none answered.
    """
    apply_settings()
    host, port = host or "127.0.0.1", port or DEFAULT_PORT
    proxy = None
    try:
        proxy = proxy_to(pyro_location("Pyro.NameServer", host, port), CONNECT_TIMEOUT)
        _retry(proxy.ping, patience)
    except (OSError, UnicodeError, Pyro4.errors.PyroError) as error:
        if proxy is not None:
            proxy._pyroRelease()
        raise NameServerError(
            f"no nameserver answers at nameserver={host!r}, nameserver_port={port} ({type(error).__name__}: {error}); "
            "check the address, and that the process that runs NameServer.start() is alive: a credentials file may be "
            "left over from a run that has ended"
        ) from error
    return proxy


def _retry(call: Callable[[], Any], patience: float) -> None:
    give_up = time.monotonic() + patience
    while True:
        try:
            call()
            return
        except (OSError, Pyro4.errors.PyroError):
            if time.monotonic() + _RETRY_INTERVAL >= give_up:
                raise
            time.sleep(_RETRY_INTERVAL)


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
