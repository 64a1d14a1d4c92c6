"""What Dask workers do for a run: they build workers of ours, keep them, and let them evaluate."""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
import platform
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import cloudpickle
import distributed
import distributed.utils

from hpbandster_ng import __version__
from hpbandster_ng.backends.dask.arrivals import announce, packed
from hpbandster_ng.backends.evaluation import Call
from hpbandster_ng.backends.evaluator import Evaluator
from hpbandster_ng.backends.factory import WorkerFactory
from hpbandster_ng.engine.records import Outcome
from hpbandster_ng.errors import HpbandsterError

__all__ = ["build", "deferred", "evaluate", "is_free", "versions"]

_PLUGIN = "hpbandster"
_LEFT = frozenset({"cancelled", "released", "forgotten"})

_LOOK_INTERVAL = 0.5
"""Seconds between two looks whether the Dask worker closes."""


def deferred(function: Callable[..., Any], *arguments: Any) -> bytes:
    """What calls a function when it is unpickled.

    Example:
        >>> pickle.loads(deferred(max, 1, 2))
        2
    """
    pickled: bytes = cloudpickle.dumps(_Deferred(function, arguments))
    return pickled


class _Deferred:
    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def versions() -> str:
    major, minor, _ = platform.python_version_tuple()
    return f"Python {major}.{minor} and hpbandster_ng {__version__}"


def build(worker_class: Callable[..., Any], worker_kwargs: Mapping[str, Any], isolate: bool) -> str:
    """Build a worker here; its token.

    Raises:
        InvalidArgumentError: it cannot be built.
    """
    # Python lets no daemon have children, since these would outlive it; ours end with it by themselves.
    multiprocessing.current_process().daemon = False
    here: Any = distributed.get_worker()
    resident = _Resident(here.get_current_task(), _PortableFactory(worker_class, worker_kwargs), isolate)
    residents: _Residents = distributed.utils.sync(here.loop, _residents_of, here)
    return residents.take_in(resident)


async def _residents_of(dask_worker: Any) -> _Residents:
    if _PLUGIN not in dask_worker.plugins:
        await dask_worker.plugin_add(_Residents(), name=_PLUGIN)
    residents: _Residents = dask_worker.plugins[_PLUGIN]
    return residents


def is_free(token: str) -> bool:
    """Wait until the worker does nothing any more; False, if it is not there."""
    resident = _resident(distributed.get_worker(), token)
    return resident is not None and resident.wait()


def evaluate(token: str, call: Call, time_limit: float | None) -> Outcome:
    """Let the worker evaluate.

    Raises:
        InvalidArgumentError: the directory of the configuration, or a child process, cannot be made.
        HpbandsterError: the worker is not there any more, or was given up.
    """
    here: Any = distributed.get_worker()
    resident = _resident(here, token)
    if resident is None:
        raise HpbandsterError("the worker that was built there is gone")
    key = here.get_current_task()
    outcome = resident.evaluate(key, call, time_limit)
    here.plugins[_PLUGIN].keep(key, outcome)
    return outcome


def _resident(dask_worker: Any, token: str) -> _Resident | None:
    residents = dask_worker.plugins.get(_PLUGIN)  # a process that took the place of another one has none
    return None if residents is None else residents.by_token.get(token)


class _PortableFactory(WorkerFactory):
    """Reaches a child process even if the class has no module that could be imported there."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (cloudpickle.dumps((self.worker_class, self.worker_kwargs)),)


def _unpickled(pickled: bytes) -> WorkerFactory:
    return _PortableFactory(*pickle.loads(pickled))


class _Residents(distributed.WorkerPlugin):
    """Our workers in a Dask worker, which tells here what becomes of the tasks that have built and that call them.

    A task that the client does not want any more leaves: it was cancelled, or the client has closed, died or lost the
    scheduler.
    """

    def __init__(self) -> None:
        self.by_token: dict[str, _Resident] = {}
        self._outcomes: dict[str, bytes] = {}

    def take_in(self, resident: _Resident) -> str:
        token = uuid.uuid4().hex
        self.by_token[token] = resident
        try:
            resident.build()
        except BaseException:
            self.by_token.pop(token, None)
            raise
        return token

    def keep(self, key: str, outcome: Outcome) -> None:
        """Of a task that is about to end; it is announced by the message that tells of its end."""
        pickled = packed(outcome)
        if pickled is not None:
            self._outcomes[key] = pickled

    def transition(self, key: Any, start: Any, finish: Any, **_: Any) -> None:
        pickled = self._outcomes.pop(key, None)
        if pickled is not None and finish == "memory":
            announce(self._worker, key, pickled)
        if finish not in _LEFT:
            return
        for token, resident in list(self.by_token.items()):
            if resident.lets_go_of(key):
                del self.by_token[token]

    def setup(self, worker: Any) -> None:
        self._worker = worker
        self._watching = asyncio.ensure_future(self._wait_for_its_end(worker))

    async def teardown(self, worker: Any) -> None:
        self._watching.cancel()
        await self._clear()

    async def _wait_for_its_end(self, dask_worker: Any) -> None:
        """One that closes waits for its tasks, for up to 30 seconds, before it tears down anything."""
        while dask_worker.status.name != "closing":  # noqa: ASYNC110 - nobody is told of that
            await asyncio.sleep(_LOOK_INTERVAL)
        await self._clear()

    async def _clear(self) -> None:
        await asyncio.gather(*(resident.leave() for resident in self.by_token.values()))
        self.by_token.clear()


class _Resident:
    """A worker that was built in this process, or in a child of it.

    Args:
        key: of the task that builds it.
    """

    def __init__(self, key: str, factory: WorkerFactory, isolate: bool) -> None:
        self._key = key
        self._evaluator = Evaluator(factory, isolate)
        self._lock = threading.Lock()  # one evaluation at a time, however many threads the Dask worker has
        self._is_idle = False
        self._killable: str | None = None

    def build(self) -> None:
        self._evaluator.start()
        self._evaluator.wait_until_ready()
        self._is_idle = True

    def wait(self) -> bool:
        with self._lock:
            return True

    def evaluate(self, key: str, call: Call, time_limit: float | None) -> Outcome:
        with self._lock:
            self._is_idle = False
            self._killable = key if self._evaluator.isolate or time_limit is not None else None
            try:
                return self._evaluator.evaluate(call, time_limit)
            finally:
                self._is_idle, self._killable = True, None

    def lets_go_of(self, key: str) -> bool:
        """A task has left; whether this worker is of no use any more."""
        if key not in (self._key, self._killable):
            return False
        self._leaving = asyncio.ensure_future(self.leave())
        return True

    async def leave(self) -> None:
        """End the child: at once, if it does something; who waits for it then tidies up."""
        if self._is_idle:
            await asyncio.get_running_loop().run_in_executor(None, self._evaluator.close)
        else:
            self._evaluator.abandon()
