"""Follows the log of a run, and keeps the view of it."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from hpbandster_ng.engine.events import Event
from hpbandster_ng.errors import HpbandsterError
from hpbandster_ng.integrations.prometheus import RunMetrics
from hpbandster_ng.interfaces.dashboard.sources import Source
from hpbandster_ng.interfaces.dashboard.view import RunView

__all__ = ["Condition", "Follower"]

_log = logging.getLogger("hpbandster_ng")

_T = TypeVar("_T")

_LOOK = 0.25
"""Seconds between two looks, if these are quick."""

_SHARE = 5.0
"""Where nothing can be read on from, a look is followed by a pause of so many times what it took."""

_UNWATCHED = 20.0
"""Seconds after which a run that nobody looks at is not read on."""

_LONGEST_PAUSE = 30.0
_CHUNK = 1000
"""Events that are folded while nobody can look."""


@dataclass(frozen=True)
class Condition:
    """How the view and the log are to each other.

    Attributes:
        phase: ``"reading"`` for the first time, ``"live"``, ``"gone"`` (the log was removed) or ``"trouble"``.
        message: what is wrong, in a line; empty where nothing is.
    """

    phase: str
    message: str = ""


class Follower:
    """A thread that reads a run's log on, as long as somebody looks at it; as a context manager, it ends its thread.

    What cannot be read for a moment is tried again, and the view stays as it was.

    Args:
        source: what it is read from.
        name: of the run, for its metrics and for the log of this program.
        place: of the run, for its metrics.

    Attributes:
        metrics: of the run, for Prometheus.
    """

    def __init__(self, source: Source, name: str, place: str) -> None:
        self._source = source
        self._name = name
        self._place = place
        self._lock = threading.Lock()
        self._view = source.new_view()
        self.metrics = RunMetrics(name, place)
        self._generation = 0
        self._condition = Condition("reading")
        self._bookmark: object = None
        self._asked = time.monotonic()
        self._wake = threading.Event()
        self._first_look = threading.Event()
        self._closing = threading.Event()
        self._num_troubles = 0
        self._thread = threading.Thread(target=self._follow, name=f"hpbandster-dashboard-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._wake.set()
        self._thread.join()

    @property
    def version(self) -> str:
        """Changes whenever the view or the condition does."""
        return f"{self._generation}.{self._view.num_events}.{self._condition.phase}"

    @property
    def condition(self) -> Condition:
        return self._condition

    def look(self, function: Callable[[RunView], _T]) -> _T:
        """What a function makes of the view, which does not change meanwhile."""
        self.touch()
        with self._lock:
            return function(self._view)

    def touch(self) -> None:
        """Somebody looks at the run."""
        was_asleep = time.monotonic() - self._asked > _UNWATCHED
        self._asked = time.monotonic()
        if was_asleep:
            self._wake.set()

    def wait_for_first_look(self, seconds: float) -> bool:
        """Whether the log, or its beginning, was found or found unreadable within so many seconds."""
        return self._first_look.wait(seconds)

    def _follow(self) -> None:
        while not self._closing.is_set():
            begin = time.monotonic()
            self._look_once()
            took = time.monotonic() - begin
            pause = max(_LOOK, _SHARE * took) if self._source.is_read_whole else _LOOK
            if self._num_troubles:
                pause = min(_LONGEST_PAUSE, max(pause, _LOOK * 2**self._num_troubles))
            self._sleep(min(pause, _LONGEST_PAUSE))
            while not self._closing.is_set() and time.monotonic() - self._asked > _UNWATCHED:
                self._sleep(_LONGEST_PAUSE)

    def _sleep(self, seconds: float) -> None:
        self._wake.wait(seconds)
        self._wake.clear()

    def _look_once(self) -> None:
        try:
            self._read_on()
        except HpbandsterError as error:
            self._suffer(" ".join(str(error).split()))
        except Exception:  # noqa: BLE001 - a fault of ours, or an event that cannot be, must not end the page
            _log.exception("run %s cannot be shown", self._name)
            self._suffer("the log cannot be read; the log of the dashboard tells more")
        else:
            self._num_troubles = 0
        self._first_look.set()

    def _suffer(self, message: str) -> None:
        self._num_troubles += 1
        self._condition = Condition("trouble", message)

    def _read_on(self) -> None:
        news = self._source.read_on(self._bookmark)
        self._bookmark = None  # until all of it is folded: what fails halfway begins again
        if not news.is_anew:
            self._fold(self._view, iter(news.events))
            self._bookmark = news.bookmark
            self._condition = Condition("live")
            return
        events = iter(news.events)
        first = next(events, None)
        if first is None:
            is_gone = self._view.num_events > 0
            told = "The log is gone; this is what was read before." if is_gone else ""
            self._condition = Condition("gone" if is_gone else "live", told)
            self._bookmark = news.bookmark
            return
        events = itertools.chain([first], events)
        if self._view.num_events == 0:  # what is read for the first time can be seen growing
            self._fold(self._view, events)
        else:
            self._replace(events)
        self._bookmark = news.bookmark
        self._condition = Condition("live")

    def _replace(self, events: Iterator[Event]) -> None:
        """Of a log that is another one, the view is shown when it is whole."""
        view, metrics = self._source.new_view(), RunMetrics(self._name, self._place)
        for event in events:
            view.fold(event)
            metrics(event)
            if self._closing.is_set():
                return
        with self._lock:
            self._view, self.metrics = view, metrics
            self._generation += 1

    def _fold(self, view: RunView, events: Iterator[Event]) -> None:
        while not self._closing.is_set() and (chunk := list(itertools.islice(events, _CHUNK))):
            with self._lock:
                for event in chunk:
                    view.fold(event)
                    self.metrics(event)
            self._first_look.set()
