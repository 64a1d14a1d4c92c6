"""What the dashboard answers over HTTP: a page, its parts as JSON, and a stream of changes."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from hpbandster_ng.errors import HpbandsterError, MissingExtraError
from hpbandster_ng.interfaces.dashboard.desk import Desk, UnknownError, WrongQuestionError
from hpbandster_ng.interfaces.dashboard.guard import Guard, is_known_host

try:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles
except ImportError as error:
    raise MissingExtraError("The dashboard", "starlette", "dashboard") from error

__all__ = ["application"]

_log = logging.getLogger("hpbandster_ng")

_PAGE = Path(__file__).parent / "page"
_LOOK = 0.1
"""Seconds between two looks for a change."""

_BEAT = 15.0
"""Seconds after which a stream says that it is alive."""


def application(desk: Desk, token: str, host: str, cookie: str, is_ending: Callable[[], bool]) -> Guard:
    """The whole, behind its guard.

    Args:
        desk: knows the runs.
        token: the secret without which nothing is answered.
        host: where it is served.
        cookie: the name of the cookie that keeps the token.
        is_ending: whether streams are to end, for the server does.
    """
    answers = _Answers(desk, is_ending)
    routes = [
        Route("/", answers.page),
        Route("/metrics", answers.metrics),
        Route("/api/runs", answers.runs),
        Route("/api/compare/{first}/{second}", answers.compare),
        Route("/api/runs/{key}/events", answers.events),
        Route("/api/runs/{key}/{part}", answers.part),
        Mount("/static", StaticFiles(directory=_PAGE)),
    ]
    handlers: dict[Any, Any] = {
        404: lambda *_: PlainTextResponse("There is nothing here.\n", 404),
        UnknownError: lambda _, error: PlainTextResponse(f"{error}\n", 404),
        WrongQuestionError: lambda _, error: PlainTextResponse(f"{error}\n", 400),
        HpbandsterError: lambda _, error: PlainTextResponse(" ".join(str(error).split()) + "\n", 503),
        Exception: lambda *_: PlainTextResponse("The dashboard failed here; its log tells more.\n", 500),
    }
    app = Starlette(routes=routes, exception_handlers=handlers)
    return Guard(app, token, cookie, lambda name: is_known_host(name, host))


class _Answers:
    """The endpoints; all but the stream run in threads."""

    def __init__(self, desk: Desk, is_ending: Callable[[], bool]) -> None:
        self._desk = desk
        self._is_ending = is_ending

    def page(self, _: Request) -> Response:
        return FileResponse(_PAGE / "index.html", headers={"Cache-Control": "no-store"})

    def metrics(self, _: Request) -> Response:
        return Response(self._desk.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    def runs(self, _: Request) -> Response:
        return _json(self._desk.listed())

    def compare(self, request: Request) -> Response:
        return _json(self._desk.compared(request.path_params["first"], request.path_params["second"]))

    def part(self, request: Request) -> Response:
        key, part = request.path_params["key"], request.path_params["part"]
        return _json(self._desk.answer(key, part, request.query_params))

    async def events(self, request: Request) -> Response:
        key = request.path_params["key"]
        await asyncio.to_thread(self._desk.follower, key)
        headers = {"X-Accel-Buffering": "no"}
        return StreamingResponse(self._changes(key), media_type="text/event-stream", headers=headers)

    async def _changes(self, key: str) -> AsyncIterator[str]:
        """A message whenever the run's version is another one, and one at the beginning."""
        follower = self._desk.follower(key)
        told, silent = "", 0.0
        while not self._is_ending():
            follower.touch()
            version, condition = follower.version, follower.condition
            if version != told:
                told, silent = version, 0.0
                message = {"version": version, "phase": condition.phase, "message": condition.message}
                yield f"data: {json.dumps(message)}\n\n"
            elif silent >= _BEAT:
                silent = 0.0
                yield ": still here\n\n"
            await asyncio.sleep(_LOOK)
            silent += _LOOK


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
