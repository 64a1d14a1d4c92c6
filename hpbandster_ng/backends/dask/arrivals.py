"""Outcomes that come with what Dask workers log, which takes two messages where a result of Dask takes six."""

from __future__ import annotations

import asyncio
import pickle
import weakref
from typing import Any

from hpbandster_ng.engine.records import Outcome

__all__ = ["Arrivals", "announce"]

_TOPIC = "hpbandster"
"""The same for all runs of a cluster: the scheduler keeps the last thousand messages of each topic for ever."""

_LARGEST = 2_000
"""Bytes of an outcome that is sent this way."""

_of_clients: weakref.WeakKeyDictionary[Any, Arrivals] = weakref.WeakKeyDictionary()


def announce(dask_worker: Any, key: str, outcome: Outcome) -> None:
    """Tell the clients what came of a task; what is large is left to Dask, which keeps it until somebody asks."""
    pickled = pickle.dumps(outcome)
    if len(pickled) <= _LARGEST:
        dask_worker.log_event(_TOPIC, (key, pickled))


class Arrivals:
    """What arrives at a client; all of it in the client's event loop."""

    def __init__(self) -> None:
        self._awaited: dict[str, asyncio.Future[Outcome | None]] = {}

    @classmethod
    def of(cls, client: Any) -> Arrivals:
        """Those of a client, which has one of them however many runs it serves."""
        return _of_clients.setdefault(client, cls())

    def subscribe(self, client: Any) -> None:
        """Let the scheduler send them; it forgets that when it has lost the client."""
        client.subscribe_topic(_TOPIC, self._take)

    def _take(self, event: tuple[float, tuple[str, bytes]]) -> None:
        key, pickled = event[1]
        waiting = self._awaited.get(key)
        if waiting is not None and not waiting.done():  # it may be another client's
            waiting.set_result(pickle.loads(pickled))

    async def outcome(self, future: Any) -> Outcome:
        """What a task returns, however that comes first.

        Args:
            future: of Dask, that of the task.
        """
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[Outcome | None] = loop.create_future()
        self._awaited[future.key] = waiting
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(_give_up, waiting))
        try:
            outcome = await waiting
        finally:
            del self._awaited[future.key]
        if outcome is None:
            outcome = await future
        return outcome


def _give_up(waiting: asyncio.Future[Outcome | None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
