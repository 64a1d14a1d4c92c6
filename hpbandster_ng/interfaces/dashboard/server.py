"""Serves the dashboard on a port until it is told to end."""

from __future__ import annotations

import contextlib
import errno
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TypeVar

from hpbandster_ng.errors import InvalidArgumentError, MissingExtraError
from hpbandster_ng.interfaces.dashboard.application import application
from hpbandster_ng.interfaces.dashboard.desk import Desk

try:
    import uvicorn
except ImportError as error:
    raise MissingExtraError("The dashboard", "uvicorn", "dashboard") from error

__all__ = ["DashboardServer"]

_Self = TypeVar("_Self", bound="DashboardServer")

_TRIED = 100
"""Ports above one that is taken."""

_GRACE = 2
"""Seconds that an answer under way may take when the server ends."""


class DashboardServer:
    """A server for one desk; as a context manager, it holds its port.

    Args:
        desk: knows the runs.
        host: the address to listen on.
        port: 0 for any that is free.

    Attributes:
        token: without it, nothing is answered.
    """

    def __init__(self, desk: Desk, host: str, port: int) -> None:
        self._desk = desk
        self._host = host
        self._port = port
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self.token = secrets.token_urlsafe(24)

    def __enter__(self: _Self) -> _Self:
        self._socket = _listening(self._host, self._port)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._socket is not None:
            self._socket.close()

    @property
    def port(self) -> int:
        assert self._socket is not None
        return int(self._socket.getsockname()[1])

    @property
    def address(self) -> str:
        """Of the page, with the token."""
        host = self._host
        if host in ("0.0.0.0", "::"):  # noqa: S104 - the user asked for it
            host = socket.gethostname()
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{self.port}/?token={self.token}"

    def run(self, announce: Callable[[str], object] = str) -> None:
        """Serve until :meth:`stop`, Ctrl-C or SIGTERM; Ctrl-C is raised from here.

        Args:
            announce: gets the address, when it is served and signals are heeded.
        """
        app = application(
            self._desk, self.token, self._host, f"hpbandster_ng_dashboard_{self.port}", lambda: self._is_ending
        )
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            loop="asyncio",
            http="h11",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=_GRACE,
        )
        self._server = _Server(config, lambda: announce(self.address))
        with _sigterm_ends():
            self._server.run(sockets=[self._socket] if self._socket else None)

    def stop(self) -> None:
        """Make :meth:`run` return; of another thread."""
        if self._server is not None:
            self._server.should_exit = True

    @property
    def is_serving(self) -> bool:
        return self._server is not None and self._server.started

    @property
    def _is_ending(self) -> bool:
        return self._server is None or self._server.should_exit


class _Server(uvicorn.Server):
    """One that says when it serves."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], object]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._announce()


@contextlib.contextmanager
def _sigterm_ends() -> Iterator[None]:
    """Within this, SIGTERM, which uvicorn raises again when it has ended, ends the block and nothing else."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _raise_end)
    try:
        yield
    except _EndedError:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)


class _EndedError(BaseException):
    """SIGTERM came."""


def _raise_end(_: int, __: FrameType | None) -> None:
    raise _EndedError


def _listening(host: str, port: int) -> socket.socket:
    try:
        return _bound(host, port)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise InvalidArgumentError(
                "host", host, f"must be an address of this machine ({error.strerror or error})", "leave it out"
            ) from error
        taken = "is taken by another program" if error.errno == errno.EADDRINUSE else "is not for everybody to take"
    raise InvalidArgumentError("port", port, taken, _way_out(lambda other: _bound(host, other), port))


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=128)


def _way_out(bind: Callable[[int], socket.socket], port: int) -> str:
    for other in range(max(port, 1023) + 1, min(port + _TRIED, 65536)):
        with contextlib.suppress(OSError):
            bind(other).close()
            return f"use --port {other}, which is free"
    return "use --port 0 for any that is free"
