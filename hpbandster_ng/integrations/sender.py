"""A thread that makes slow calls for an observer, so that the run waits for none of them."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

__all__ = ["Sender"]

_Call = Callable[[], Any]

_logger = logging.getLogger("hpbandster_ng")


class Sender:
    """Makes calls in its own thread, in the order in which they come, one at a time.

    A call that raises is lost, and so is one that comes while ``capacity`` others wait: the first is told at once with
    its reason, all of them in one line by :meth:`close`.

    Args:
        receiver: whom the calls are for, as the log is to name it.
        capacity: so many calls wait at most.

    Attributes:
        is_behind: whether a call has failed, or was given up, since one came through: the receiver may be away.

    Example:
        >>> heard = []
        >>> sender = Sender("a list")
        >>> sender.put(lambda: heard.append(1))
        >>> sender.close(patience=10)
        >>> heard
        [1]
    """

    def __init__(self, receiver: str, capacity: int = 10_000) -> None:
        self.receiver = receiver
        self.capacity = capacity
        self.is_behind = False
        self._changed = threading.Condition()
        self._first: deque[_Call] = deque()
        self._calls: deque[_Call] = deque()
        self._num_lost = 0
        self._is_told = False
        self._is_closing = False
        self._thread: threading.Thread | None = None

    def put(self, call: _Call, first: bool = False) -> None:
        """Have a call made; returns at once. A call may have others made.

        Args:
            first: before all that are not.
        """
        with self._changed:
            if self._is_closing and threading.current_thread() is not self._thread:
                self._is_closing = self._is_told = False
            if len(self._first) + len(self._calls) >= self.capacity:
                self._lose("so many calls wait already")
                return
            (self._first if first else self._calls).append(call)
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=f"hpbandster-{self.receiver}", daemon=True)
                self._thread.start()

    def wait_for(self, condition: Callable[[], bool], patience: float) -> bool:
        """Whether something has come about by the calls, or does within ``patience`` seconds; at once when behind."""
        with self._changed:
            if not self._changed.wait_for(lambda: condition() or self.is_behind, patience):
                self.is_behind = True
            return condition()

    def close(self, patience: float) -> None:
        """Return when all is done, or after ``patience`` seconds; what then waits is lost.

        A further call is made as if this had not been called.
        """
        with self._changed:
            thread, self._is_closing = self._thread, True
            self._changed.notify_all()
        if thread is not None:
            thread.join(patience)
        with self._changed:
            for calls in (self._first, self._calls):
                self._num_lost += len(calls)
                calls.clear()
            if self._num_lost:
                _logger.warning("%s has missed %d of the calls of this run", self.receiver, self._num_lost)
            self._num_lost, self._is_told = 0, True  # what is being called may still fail, and all has been said

    def _work(self) -> None:
        while (call := self._next()) is not None:
            try:
                call()
            except Exception as error:  # noqa: BLE001 - clients raise what they like, and no run depends on them
                with self._changed:
                    self._lose(f"{type(error).__name__}: {error}")
            else:
                self.is_behind = False
            with self._changed:
                self._changed.notify_all()

    def _next(self) -> _Call | None:
        with self._changed:
            self._changed.wait_for(lambda: self._first or self._calls or self._is_closing)
            calls = self._first or self._calls
            if not calls:
                self._thread = None
                return None
            return calls.popleft()

    def _lose(self, reason: str) -> None:
        self.is_behind = True
        self._num_lost += 1
        if not self._is_told:
            self._is_told = True
            _logger.warning("%s is not told everything (%s); the run goes on, and what else is lost is only counted",
                            self.receiver, reason)  # fmt: skip
