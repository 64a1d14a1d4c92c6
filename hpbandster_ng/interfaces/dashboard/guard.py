"""Who may ask the dashboard, and what browsers may do with its answers."""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from hpbandster_ng.errors import MissingExtraError

try:
    from starlette.datastructures import Headers, MutableHeaders
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse
except ImportError as error:
    raise MissingExtraError("The dashboard", "starlette", "dashboard") from error

__all__ = ["Guard", "is_known_host"]

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """Lets those in who know the token: in the address, in a cookie that the page sets by it, or as a bearer.

    Args:
        app: answers them.
        token: the secret.
        cookie: the name of the cookie; cookies are not told apart by ports.
        is_known: whether a host, as the browser calls it, is this machine: a page of somebody else whose name was made
            to point here is kept out.
    """

    def __init__(self, app: Any, token: str, cookie: str, is_known: Callable[[str], bool]) -> None:
        self._app = app
        self._token = token
        self._cookie = cookie
        self._is_known = is_known

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer by itself, or hand on; every answer carries the headers that make browsers careful."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        by_address = request.query_params.get("token")

        async def careful(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
                if by_address is not None and message["status"] < 400:
                    headers.append("Set-Cookie", f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict")
            await send(message)

        refusal = self._refusal(request, by_address)
        await (refusal or self._app)(scope, receive, careful)

    def _refusal(self, request: Request, by_address: str | None) -> PlainTextResponse | None:
        if not self._is_known(_name_of(request.headers)):
            return _refused(421, "The dashboard is not known by this host name; use the address that it printed.")
        if request.method not in ("GET", "HEAD"):
            return _refused(405, "The dashboard can only be looked at.")
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if not any(map(self._is_token, (by_address, request.cookies.get(self._cookie), bearer))):
            return _refused(401, "The dashboard needs its token; use the address that it printed.")
        return None

    def _is_token(self, value: str | None) -> bool:
        return value is not None and secrets.compare_digest(value.encode(), self._token.encode())


def _refused(status: int, text: str) -> PlainTextResponse:
    return PlainTextResponse(f"{text}\n", status)


def _name_of(headers: Headers) -> str:
    """The host without its port, which a tunnel may change."""
    host = headers.get("Host", "")
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def is_known_host(name: str, served: str, more: Iterable[str] = ()) -> bool:
    """Whether a host name means this machine, where an address is served.

    Example:
        >>> [is_known_host(name, "127.0.0.1") for name in ("127.0.0.1", "localhost", "::1", "evil.example", "")]
        [True, True, True, False, False]
        >>> is_known_host("10.0.0.7", "0.0.0.0"), is_known_host("evil.example", "0.0.0.0")
        (True, False)
    """
    name = name.casefold().rstrip(".")
    if name in ("127.0.0.1", "localhost", "::1", served.casefold(), *more):
        return True
    if served in ("0.0.0.0", "::"):  # noqa: S104 - the user asked for it
        return _is_address(name) or name in (socket.gethostname().casefold(), socket.getfqdn().casefold())
    return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
