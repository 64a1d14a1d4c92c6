"""Who is in the cluster, and what each of them does for a run; all of it in the event loop of the client."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from typing import Any, NamedTuple, TypeVar

import distributed

from hpbandster_ng.backends.dask.arrivals import Arrivals
from hpbandster_ng.backends.dask.residents import deferred, evaluate, is_free, versions
from hpbandster_ng.backends.evaluation import Call
from hpbandster_ng.backends.happenings import Happenings
from hpbandster_ng.engine.events import StartJob, WorkerJoined, WorkerLost
from hpbandster_ng.errors import HpbandsterError, InvalidArgumentError

__all__ = ["Handle", "Session"]

_LOOK_INTERVAL = 0.5
"""Seconds between two looks at who is in the cluster."""

_BATCHING = 0.001
"""Seconds for which the client gathers what it sends. Its own 10 ms are half of what a worker would wait for a job."""

_logger = logging.getLogger("hpbandster_ng")

_Returned = TypeVar("_Returned")


class Handle(NamedTuple):
    """A worker that was built in a Dask worker. It lives as long as the client wants the result of what has built it.

    Attributes:
        future: of that result.
        token: its name, which nobody has who takes its place.
    """

    future: Any
    token: str


class _Member:
    """A Dask worker that works for us, and the task that feeds it."""

    def __init__(self, feeding: Callable[[_Member], Any], address: str) -> None:
        self.address = address
        self.orders: asyncio.Queue[tuple[StartJob, Call]] = asyncio.Queue()
        self.handle: Handle | None = None
        self.task = asyncio.ensure_future(feeding(self))

    @property
    def is_over(self) -> bool:
        """Whether it gets no more jobs: something went wrong, or Dask has forgotten what was built there."""
        return self.task.done() or (self.handle is not None and self.handle.future.status != "finished")

    @property
    def error(self) -> BaseException | None:
        """What went wrong; that Dask has cancelled something, is nothing."""
        error = self.task.exception() if self.task.done() and not self.task.cancelled() else None
        return None if isinstance(error, CancelledError) else error


class Session:
    """A backend from its start to its closing.

    Args:
        client: of Dask.
        building: what lets a Dask worker build a worker.
        handles: of the workers that were built before, by the address of their Dask worker; is kept up to date.

    Attributes:
        error: why the run cannot go on.
    """

    def __init__(
        self,
        client: Any,
        worker_class: object,
        building: bytes,
        resources: Mapping[str, float],
        happenings: Happenings,
        handles: dict[str, Handle],
    ) -> None:
        self.error: Exception | None = None
        self._client = client
        self._worker_class = worker_class
        self._building = building
        self._resources = resources
        self._happenings = happenings
        self._handles = handles
        self._members: dict[str, _Member] = {}
        self._seen: set[str] = set()
        self._refused: dict[str, InvalidArgumentError] = {}
        self._has_warned = False
        self._arrivals = Arrivals.of(client)
        self._connection: Any = None
        self._done: list[Any] = []  # released some at a time: each message costs as much as a job

    async def open(self) -> None:
        self._watching = asyncio.ensure_future(self._watch())

    async def close(self) -> None:
        tasks = [self._watching, *(member.task for member in self._members.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._release()

    def _release(self) -> None:
        # Not while the client closes, as at the end of a script: Dask would log that it could not tell the scheduler.
        while self._done and self._client.status == "running":
            self._done.pop().release()

    def submit(self, start: StartJob, call: Call) -> None:
        member = self._members.get(start.worker)
        if member is not None and member.handle is not None:  # otherwise it was lost in the same moment
            member.orders.put_nowait((start, call))

    async def _watch(self) -> None:
        try:
            while True:
                self._release()
                present = await self._present()
                if present is not None:
                    await self._follow(present)
                await asyncio.sleep(_LOOK_INTERVAL)
        except Exception as error:  # noqa: BLE001 - raised in the loop's thread
            self.error = error

    async def _present(self) -> set[str] | None:
        """The Dask workers that can work for us; or None, if the scheduler is too busy to answer."""
        if self._client.status != "running":
            return set()
        if self._client.scheduler_comm is not self._connection:
            self._connection = self._client.scheduler_comm
            self._connection.interval = _BATCHING
            self._arrivals.subscribe(self._client)
        try:
            there = set(await self._client.nthreads())
            known = self._members.keys() | self._refused.keys()
            return (there & known) | (await self._able(there - known) if there - known else set())
        except OSError:
            return None

    async def _able(self, strangers: set[str]) -> set[str]:
        """Those of the strangers that run, and offer what an evaluation takes."""
        workers = (await self._client.scheduler.identity())["workers"]
        running = {address for address in strangers & workers.keys() if workers[address]["status"] == "running"}
        able = {
            address
            for address in running
            if all(workers[address]["resources"].get(name, 0) >= amount for name, amount in self._resources.items())
        }
        if running and not able and not self._members and not self._has_warned:
            self._has_warned = True
            _logger.warning("none of the Dask workers offers %s", self._resources)
        return able

    async def _follow(self, present: set[str]) -> None:
        for address in self._refused.keys() - present:
            del self._refused[address]
            self._seen.discard(address)
        for member in list(self._members.values()):
            if member.address not in present or member.is_over:
                await self._lose(member)
        for address in self._handles.keys() - present:
            self._handles.pop(address).future.release()
        for address in present - self._members.keys() - self._refused.keys():
            self._seen.add(address)
            self._members[address] = _Member(self._feed, address)
        if self._refused and self._refused.keys() == self._seen:
            raise next(iter(self._refused.values()))

    async def _lose(self, member: _Member) -> None:
        error = member.error
        member.task.cancel()
        if error is not None:
            reason, handed_back = str(error) or repr(error), False
        else:
            reason, handed_back = await self._why_gone(member.address)
        del self._members[member.address]
        if member.address in self._handles:
            self._handles.pop(member.address).future.release()
        if isinstance(error, InvalidArgumentError):
            self._refused[member.address] = error
            _logger.warning("Dask worker %s gets no jobs: %s", member.address, error)
        if member.handle is not None:
            self._happenings.report(lambda at: WorkerLost(at, member.address, reason, handed_back))

    async def _why_gone(self, address: str) -> tuple[str, bool]:
        """What the scheduler tells, and whether that is nobody's fault."""
        if self._client.status != "running":
            return "the client has lost the scheduler", True
        try:
            events = await self._client.get_events(address)
        except OSError as error:
            return f"the client has lost the scheduler: {error}", True
        why, closing = ("Dask has cancelled what it did", True), None
        for _, event in events:
            match event:
                case {"action": "add-worker"}:
                    closing = None
                case {"action": "closing-worker", "reason": reason}:
                    closing = reason
                case {"action": "remove-worker", "expected": True}:
                    why = "it was retired", True
                case {"action": "remove-worker"} if closing is not None and "fail-hard" not in closing:
                    why = f"it was closed: {closing}", True
                case {"action": "remove-worker"}:
                    why = "its process is gone", False
        return why

    async def _feed(self, member: _Member) -> None:
        """Build a worker there, unless there is one; then hand it job after job."""
        address = member.address
        handle = self._handles.get(address)
        if handle is None or not await self._call(address, is_free, handle.token):
            handle = self._handles[address] = await self._built(address)
        member.handle = handle
        self._happenings.report(lambda at: WorkerJoined(at, address))
        while True:
            start, call = await member.orders.get()
            future = self._submit(address, "evaluate", deferred(evaluate, handle.token, call, start.time_limit))
            self._happenings.finish(start, await self._settled(future, self._arrivals.outcome(future)))

    async def _built(self, address: str) -> Handle:
        here = versions()
        with _blamed("client", self._client, f"has the Dask worker {address}, which cannot run this", here):
            there = await self._call(address, versions)
        if there != here:
            raise InvalidArgumentError(
                "client", self._client, f"has the Dask worker {address} with {there}", f"it needs {here}, as is here"
            )
        way_out = "modules of your own must be there, too"
        with _blamed("worker_class", self._worker_class, f"cannot be built on the Dask worker {address}", way_out):
            future = self._submit(address, "build", self._building)
            try:
                return Handle(future, await future)
            except BaseException:
                future.release()
                raise

    async def _call(self, address: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function returns on a Dask worker; it is cancelled there when this is cancelled here."""
        future = self._submit(address, function.__name__, deferred(function, *arguments))
        return await self._settled(future, future)

    async def _settled(self, future: Any, returning: Awaitable[_Returned]) -> _Returned:
        """What a call returns; its task is released."""
        try:
            returned = await returning
        except BaseException:
            future.release()
            raise
        self._done.append(future)
        return returned

    def _submit(self, address: str, name: str, call: bytes) -> Any:
        # As bytes, since a message of Dask with anything that a Dask worker cannot import would end that.
        return self._client.submit(
            pickle.loads,
            call,
            key=f"hpbandster_{name}-{uuid.uuid4().hex}",
            workers=[address],
            allow_other_workers=False,
            resources=self._resources or None,
            retries=0,
        )


@contextlib.contextmanager
def _blamed(parameter: str, value: object, rule: str, way_out: str) -> Iterator[None]:
    """What goes wrong is the fault of this, unless it tells by itself whose fault it is."""
    try:
        yield
    except (HpbandsterError, CancelledError, distributed.KilledWorker):
        raise
    except Exception as error:
        raise InvalidArgumentError(parameter, value, f"{rule} ({error!r})", way_out) from error
