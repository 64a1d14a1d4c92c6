"""A run in one line of a terminal, live; in the log of a batch job, a line a minute."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import stat
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TextIO

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar as Bar
from rich.table import Table
from rich.text import Text

from hpbandster_ng.analysis.standing import Standing
from hpbandster_ng.engine.events import Event, OpenIteration, RunRequested, StartJob, WorkerJoined
from hpbandster_ng.engine.schedule import budget_text
from hpbandster_ng.terminal.answers import duration

__all__ = ["ProgressBar"]

_INTERVAL = 0.25
"""Seconds between two pictures."""

_MINUTE = 60.0

_BAR_WIDTH = 20

_MOST_RUNGS = 4


class _Display(Protocol):
    def update(self) -> None:
        """Something has happened."""

    def close(self) -> None:
        """Show the end of it."""


class ProgressBar:
    """Shows how far a run is: iterations, jobs done, running and failed, workers, the incumbent, and the time left.

    ``rungs 4@1 2@3`` are four jobs that run on a budget of 1, and two on 3.

    On a terminal it is a line that is drawn anew, and what the run prints meanwhile appears above it. Where the output
    goes to a file, as that of a batch job does, it is a line a minute. In a pipe it is quiet. An optimizer has one
    unless it is told otherwise, by ``show_progressbar=False``.

    Args:
        file: where to draw; standard error by default.
        clock: tells the time in unix seconds.

    Example:
        >>> from hpbandster_ng.engine.events import RunRequested
        >>> progress = ProgressBar()
        >>> progress(RunRequested(at=0.0, n_iterations=4))
        >>> progress.status
        '0 runs, iteration 0/4'
        >>> progress.close()
    """

    def __init__(self, file: TextIO | None = None, clock: Callable[[], float] = time.time) -> None:
        self.file = file
        self.clock = clock
        self.standing = Standing()
        self._lock = threading.Lock()
        self._display: _Display | None = None

    def replay(self, events: Sequence[Event]) -> None:
        """Take in what happened before; nothing is drawn for that."""
        with self._lock:
            for event in events:
                self.standing.handle(event)

    def __call__(self, event: Event) -> None:
        """Take in one entry of the run's log."""
        self.replay([event])
        if self._display is None and isinstance(event, RunRequested | WorkerJoined | OpenIteration | StartJob):
            self._display = _display(self.file or sys.stderr, self)
        if self._display is not None:
            self._display.update()

    def rest(self) -> None:
        """Draw for the last time and end the line, which is the user's now; what begins after that opens a new one."""
        display, self._display = self._display, None
        if display is not None:
            display.close()

    def close(self) -> None:
        """As :meth:`rest`."""
        self.rest()

    @property
    def status(self) -> str:
        """All of it in words."""
        with self._lock:
            planned = f"/{self.standing.n_planned}" if self.standing.n_planned else ""
            return ", ".join([f"{self.standing.n_done}{planned} runs", *self._parts()])

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        """With a bar where there is room; what does not fit is left out as a whole: half a number is another one."""
        with self._lock:
            done, planned, parts = self.standing.n_done, self.standing.n_planned, self._parts()
        count, told = f"{done}/{planned or '?'} runs", ", ".join(parts)
        if planned and len(count) + 1 + _BAR_WIDTH + 1 + len(told) <= options.max_width:
            line = Table.grid(padding=(0, 1))
            line.add_row(count, Bar(total=planned, completed=min(done, planned), width=_BAR_WIDTH), told)
            yield line
            return
        while len(parts) > 1 and len(", ".join([count, *parts])) > options.max_width:
            del parts[0]
        yield Text(", ".join([count, *parts]), no_wrap=True, overflow="ellipsis")

    def _parts(self) -> list[str]:
        standing = self.standing
        asked = "" if math.isinf(standing.n_asked) else f"/{standing.n_asked:g}"
        parts = [f"iteration {standing.n_begun}{asked}", *_rungs(standing)]
        if standing.n_failed:
            parts.append(f"{standing.n_failed} failed")
        busy, workers = len(standing.running), len(standing.workers)
        if busy or workers:
            parts.append(f"{busy}/{workers} workers busy" if workers else f"{busy} running")
        best = standing.incumbent
        if best is not None and best.outcome.result is not None:
            parts.append(f"best {best.outcome.result['loss']:.4g} on {budget_text(best.job.budget)}")
        left = standing.seconds_left(self.clock()) if standing.running else None
        if left is not None:
            parts.append(f"{duration(left)} left")
        return parts


def _rungs(standing: Standing) -> list[str]:
    """How many jobs run on which budget: the smallest few, and the largest."""
    counts = sorted(Counter(start.budget for start in standing.running.values()).items())
    told = [f"{count}@{budget_text(budget)}" for budget, count in counts]
    if len(told) > _MOST_RUNGS:
        told[_MOST_RUNGS - 1 : -1] = ["…"]
    return [f"rungs {' '.join(told)}"] if told else []


class _Lines:
    """A line a minute, if there is anything to say."""

    def __init__(self, file: TextIO, progress: ProgressBar) -> None:
        self._file = file
        self._progress = progress
        self._last = time.monotonic()
        self._has_told = False

    def update(self) -> None:
        if time.monotonic() - self._last >= _MINUTE:
            self._last, self._has_told = time.monotonic(), True
            self._write()

    def close(self) -> None:
        if self._has_told:
            self._write()

    def _write(self) -> None:
        at = time.strftime("%H:%M:%S")
        self._file.write(f"{at} {self._progress.status}\n")
        self._file.flush()


class _Quiet:
    """Nothing."""

    def update(self) -> None: ...

    def close(self) -> None: ...


class _Console(Console):
    """Leaves the cursor where people see it, also if this process is killed."""

    def show_cursor(self, show: bool = True) -> bool:
        return False


class _Live:
    """A line of a terminal, drawn anew by a thread."""

    def __init__(self, file: TextIO, progress: ProgressBar) -> None:
        self._streams = sys.stdout, sys.stderr
        self._live = Live(
            progress,
            console=_Console(file=file),
            auto_refresh=False,  # rich would not wait for the end of its thread
            redirect_stdout=_is_terminal(sys.stdout),  # what goes to a file must get there
        )
        self._handlers: list[tuple[logging.StreamHandler[Any], Any]] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._refresh, name="hpbandster-progress", daemon=True)
        self._live.start()
        self._redirect_logs()
        _shown.add(self)
        self._thread.start()

    def _redirect_logs(self) -> None:
        """Handlers of logs hold the streams themselves; what they write appears above the line as well."""
        for before, now in zip(self._streams, (sys.stdout, sys.stderr), strict=True):
            for handler in _handlers_of(before) if now is not before else ():
                handler.setStream(now)
                self._handlers.append((handler, before))

    def _refresh(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # the terminal is gone, or the stream is closed
            while not self._is_over.wait(_INTERVAL):
                self._live.refresh()

    def update(self) -> None:
        """The thread will."""

    def close(self) -> None:
        self._is_over.set()
        self._thread.join()
        _shown.discard(self)
        for handler, before in self._handlers:
            handler.setStream(before)
        with contextlib.suppress(OSError, ValueError):  # as above
            self._live.stop()

    def leave_alone(self) -> None:
        """In a forked child, in which the thread is not there, and whatever it had locked stays so."""
        sys.stdout, sys.stderr = self._streams
        for handler, before in self._handlers:
            handler.stream = before


_shown: weakref.WeakSet[_Live] = weakref.WeakSet()


def _leave_all_alone() -> None:
    for live in list(_shown):
        live.leave_alone()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all_alone)


def _handlers_of(stream: TextIO) -> list[logging.StreamHandler[Any]]:
    """The handlers of all loggers that write there."""
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    handlers = [handler for each in loggers if isinstance(each, logging.Logger) for handler in each.handlers]
    return [each for each in handlers if isinstance(each, logging.StreamHandler) and each.stream is stream]


def _is_terminal(file: TextIO | None) -> bool:
    """A program without a console has no streams, others close theirs, or put something of their own in place."""
    try:
        return file is not None and file.isatty()
    except (OSError, ValueError, AttributeError):
        return False


def _display(file: TextIO | None, progress: ProgressBar) -> _Display:
    if file is not None and _is_terminal(file):
        return _Quiet() if _shown else _Live(file, progress)  # two would draw into the same line
    with contextlib.suppress(OSError, ValueError, AttributeError):  # a file of Python alone has no descriptor
        if file is not None and stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return _Lines(file, progress)
    return _Quiet()
