"""Outcomes that come with what Dask workers log, which takes two messages where a result of Dask takes six."""

from __future__ import annotations

import asyncio
import pickle
import weakref
from typing import Any

from hpbandster_ng.engine.records import Outcome

__all__ = ["Arrivals", "announce", "packed"]

_TOPIC = "hpbandster"
"""The same for all runs of a cluster: the scheduler keeps the last thousand messages of each topic for ever."""

_LARGEST = 2_000
"""Bytes of an outcome that is sent this way."""

_of_clients: weakref.WeakKeyDictionary[Any, Arrivals] = weakref.WeakKeyDictionary()


def packed(outcome: Outcome) -> bytes | None:
    """What is announced; None of what is large and left to Dask, which keeps it until somebody asks."""
    pickled = pickle.dumps(outcome)
    return pickled if len(pickled) <= _LARGEST else None


def announce(dask_worker: Any, key: str, pickled: bytes) -> None:
    """Tell the clients what came of a task."""
    dask_worker.log_event(_TOPIC, (key, pickled))


class Arrivals:
    """What arrives at a client; all of it in the client's event loop."""

    def __init__(self) -> None:
        self._awaited: dict[str, asyncio.Future[Outcome]] = {}

    @classmethod
    def of(cls, client: Any) -> Arrivals:
        """Those of a client, which has one of them however many runs it serves."""
        return _of_clients.setdefault(client, cls())

    def subscribe(self, client: Any) -> None:
        """Let the scheduler send them; it forgets that when it has lost the client."""
        client.subscribe_topic(_TOPIC, self._take)

    def _take(self, event: tuple[float, tuple[str, bytes]]) -> None:
        key, pickled = event[1]
        arrived = self._awaited.get(key)
        if arrived is not None and not arrived.done():  # it may be another client's
            arrived.set_result(pickle.loads(pickled))

    async def outcome(self, future: Any) -> Outcome:
        """What a task returns, however that comes first.

        Args:
            future: of Dask, that of the task.
        """
        arrived: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        returned = asyncio.ensure_future(_result_of(future))
        self._awaited[future.key] = arrived
        try:
            await asyncio.wait({arrived, returned}, return_when=asyncio.FIRST_COMPLETED)
            return arrived.result() if arrived.done() else returned.result()
        finally:
            del self._awaited[future.key]
            if not returned.cancel() and not returned.cancelled():
                returned.exception()  # so that nobody complains that it was not looked at


async def _result_of(future: Any) -> Outcome:
    outcome: Outcome = await future
    return outcome
