"""The nameserver: run one, and look things up in one, never waiting without limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import Pyro4
import Pyro4.errors
import Pyro4.naming

from hpbandster_ng.backends.pyro.settings import CONNECT_TIMEOUT, apply_settings, pyro_location
from hpbandster_ng.errors import NameServerError

__all__ = ["DEFAULT_PORT", "NameServerThread", "dispatcher_name", "locate_nameserver", "lookup", "proxy_to"]

DEFAULT_PORT = 9090
"""Where a nameserver listens unless told otherwise."""

_RETRY_INTERVAL = 0.25


def dispatcher_name(run_id: str) -> str:
    """Under which name the master of a run is found."""
    return f"hpbandster.run_{run_id}.dispatcher"


class NameServerThread:
    """A Pyro4 nameserver in a thread of this process.

    Args:
        host: address to listen on.
        port: port to listen on; 0 for any free one.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._daemon: Any = None
        self._thread: threading.Thread | None = None

    def start(self) -> tuple[str, int]:
        """Listen.

        Returns:
            The host and port listened on.

        Raises:
            NameServerError: the address is not of this machine, or the port is taken.
        """
        apply_settings()
        try:
            self._daemon = Pyro4.naming.NameServerDaemon(self.host, self.port)
        except (OSError, Pyro4.errors.PyroError) as error:
            raise NameServerError(
                f"cannot start a nameserver on host={self.host!r}, port={self.port}: {error}; another one may be "
                "running there: end it, or choose port=0 for any free port"
            ) from error
        self.port = self._daemon.sock.getsockname()[1]
        self._thread = threading.Thread(target=self._daemon.requestLoop, name="hpbandster-nameserver", daemon=True)
        self._thread.start()
        return self.host, self.port

    def shutdown(self) -> None:
        """Stop listening; may be called twice."""
        if self._thread is not None:
            self._daemon.shutdown()
            self._thread.join()
            self._daemon.close()
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
    location = pyro_location("Pyro.NameServer", host or "127.0.0.1", port or DEFAULT_PORT)
    proxy = proxy_to(location, CONNECT_TIMEOUT)
    try:
        _retry(proxy.ping, patience)
    except (OSError, Pyro4.errors.PyroError) as error:
        proxy._pyroRelease()
        raise NameServerError(
            f"no nameserver answers at nameserver={host or '127.0.0.1'!r}, nameserver_port={port or DEFAULT_PORT} "
            f"({type(error).__name__}: {error}); check the address, and that the process that runs NameServer.start() "
            "is alive: a credentials file may be left over from a run that has ended"
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
