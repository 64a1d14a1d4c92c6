"""Where jobs run: submit, wait for what happens, close."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hpbandster_ng.engine.events import Happening, StartJob
from hpbandster_ng.engine.records import Job

__all__ = ["Backend", "Clock"]

Clock = Callable[[], float]
"""The master's clock: unix seconds that never run backwards."""


class Backend(Protocol):
    """The workers of a run, seen from the loop that feeds them.

    For every worker it reports ``WorkerJoined``, then at most one ``WorkerLost``, after which the worker may join anew;
    for every submitted job either one ``JobFinished`` or the loss of its worker.
    """

    def start(self, clock: Clock) -> None:
        """Open for workers.

        Args:
            clock: stamps every happening.
        """

    def submit(self, start: StartJob, job: Job) -> None:
        """Hand a job to an idle worker; returns at once. Whatever goes wrong is reported as a happening."""

    def next_event(self, timeout: float) -> Happening | None:
        """The next happening, or None when ``timeout`` seconds have passed without one."""

    def acknowledge(self, happening: Happening) -> None:
        """The log has what :meth:`next_event` returned: who reported it may forget it."""

    def close(self, shutdown_workers: bool) -> None:
        """Close; may be called twice.

        Args:
            shutdown_workers: whether to send the workers home, too.
        """
