"""Readers of the log while it grows: progress bars, trackers, result loggers of users."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hpbandster_ng.backends.base import Context, config_directory
from hpbandster_ng.engine.events import Eliminate, EndJob, Event, QueueJob
from hpbandster_ng.engine.records import ConfigId, Job, OutcomeState

__all__ = ["EliminationObserver", "Observer", "Observers", "ResultLoggerObserver"]

Observer = Callable[[Event], Any]
"""Called with every event, in order, as it enters the log; what has a ``close()`` is closed with the run. What has a
``rest()`` is called when ``run`` returns or raises, and the user's script goes on. What has a ``replay(events)`` is
called with all earlier events when a run goes on. What has a ``context(job)`` is asked, when a job is given to a
worker, for what travels with it (:mod:`hpbandster_ng.backends.context`); it should not take long."""

_logger = logging.getLogger("hpbandster_ng")


class Observers:
    """Calls each observer with each event; one that raises harms nobody.

    Args:
        observers: any number of callables.
    """

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = list(observers)
        self._failures: Counter[int] = Counter()
        self._is_open = True

    def notify(self, event: Event) -> None:
        self._is_open = True
        self._call_each(lambda observer: observer(event), f"on {type(event).__name__}")

    def replay(self, events: Sequence[Event]) -> None:
        """Tell those that want to know what happened before."""
        self._is_open = True
        self._call_each(lambda observer: getattr(observer, "replay", lambda _: None)(events), "on earlier events")

    def context(self, job: Job) -> Context:
        """What travels with a job, by the names of those whom it is for."""
        merged: dict[str, Mapping[str, str]] = {}
        self._call_each(lambda observer: merged.update(getattr(observer, "context", lambda _: {})(job)), "on a job")
        return merged

    def rest(self) -> None:
        """Tell those that want to know that the user's script goes on."""
        self._call_each(lambda observer: getattr(observer, "rest", lambda: None)(), "at the end of a call of run")

    def close(self) -> None:
        """Close those that can be closed, once for each run of events; a further event opens them again."""
        if not self._is_open:
            return
        self._is_open = False
        self._call_each(lambda observer: getattr(observer, "close", lambda: None)(), "while closing")
        for position, count in self._failures.items():
            _logger.error("observer %r raised %d times during the run", self._observers[position], count)
        self._failures = Counter()

    def _call_each(self, call: Callable[[Observer], Any], when: str) -> None:
        for position, observer in enumerate(self._observers):
            try:
                call(observer)
            except Exception:  # noqa: BLE001 - whatever an observer raises must not harm the run
                self._failed(position, observer, when)

    def _failed(self, position: int, observer: Observer, when: str) -> None:
        self._failures[position] += 1
        if self._failures[position] == 1:
            _logger.error(
                "observer %r raised %s; the run goes on, further errors are only counted",
                observer,
                when,
                exc_info=True,  # noqa: LOG014
            )


class ResultLoggerObserver:
    """Feeds a result logger with the predecessor's two methods.

    What was cancelled has no result and is no crash: a log that said otherwise would teach the next run so.

    Args:
        result_logger: has ``new_config(config_id, config, config_info)`` and ``__call__(job)``.
    """

    def __init__(self, result_logger: Any) -> None:
        self.result_logger = result_logger
        self._known: set[ConfigId] = set()

    def __call__(self, event: Event) -> None:
        if isinstance(event, QueueJob) and event.job.config_id not in self._known:
            self._known.add(event.job.config_id)
            self.result_logger.new_config(event.job.config_id, event.job.config, event.job.config_info)
        elif isinstance(event, EndJob) and event.report.outcome.state is not OutcomeState.CANCELLED:
            self.result_logger(event.report)

    def replay(self, events: Sequence[Event]) -> None:
        """A log that is written anew when a run goes on has all of it."""
        for event in events:
            self(event)

    def close(self) -> None:
        getattr(self.result_logger, "close", lambda: None)()


class EliminationObserver:
    """Tells a callback who is out, and where its files are.

    Args:
        on_eliminated: called with a configuration's id and its directory.
        working_directory: of the run.

    Example:
        >>> observer = EliminationObserver(print, "run")
        >>> observer(Eliminate(at=0.0, config_id=(0, 1, 2)))
        (0, 1, 2) run/config_0_1_2
    """

    def __init__(self, on_eliminated: Callable[[ConfigId, str], Any], working_directory: str) -> None:
        self.on_eliminated = on_eliminated
        self.working_directory = working_directory

    def __repr__(self) -> str:
        return f"on_eliminated={self.on_eliminated!r}"

    def __call__(self, event: Event) -> None:
        if isinstance(event, Eliminate):
            self.on_eliminated(event.config_id, config_directory(self.working_directory, event.config_id))
