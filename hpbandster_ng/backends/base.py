"""Where jobs run: submit, wait for what happens, close."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from hpbandster_ng.engine.events import Happening, StartJob
from hpbandster_ng.engine.records import ConfigId, Job

__all__ = ["NO_CONTEXT", "Backend", "Clock", "Context", "config_directory"]

Clock = Callable[[], float]
"""The master's clock: unix seconds that never run backwards."""

Context = Mapping[str, Mapping[str, str]]
"""What travels with a call beside its arguments: settings by the name of the tool that they are for; see
:mod:`hpbandster_ng.backends.context`."""

NO_CONTEXT: Context = {}


class Backend(Protocol):
    """The workers of a run, seen from the loop that feeds them.

    For every worker it reports ``WorkerJoined``, then at most one ``WorkerLost``, after which the worker may join anew;
    for every submitted job either one ``JobFinished`` or the loss of its worker. One that was given a time of its own
    reports ``TimeUp`` when it is over, behind the loss of all workers; the run then ends as ``max_time`` ends it. One
    that may take long to find out whether it can open has an attribute ``is_searching``: while that is true, a signal
    that ends the run is raised in :meth:`start`.

    Attributes:
        working_directory: the run's; each configuration has a directory of its own in it.
    """

    working_directory: str

    def start(self, clock: Clock) -> None:
        """Open for workers.

        Args:
            clock: stamps every happening.
        """

    def submit(self, start: StartJob, job: Job, context: Context = NO_CONTEXT) -> None:
        """Hand a job to an idle worker; returns at once. Whatever goes wrong is reported as a happening.

        Args:
            start: which worker it goes to, and how long it may take.
            context: what is around ``compute`` there.
        """

    def next_event(self, timeout: float) -> Happening | None:
        """The next happening, or None when ``timeout`` seconds have passed without one."""

    def acknowledge(self, happening: Happening) -> None:
        """The log has what :meth:`next_event` returned: who reported it may forget it."""

    def close(self, shutdown_workers: bool) -> None:
        """Close; may be called twice.

        Args:
            shutdown_workers: whether to send the workers home, too.
        """


def config_directory(working_directory: str, config_id: ConfigId) -> str:
    """The directory of a configuration: the same for all its budgets, and no other configuration's.

    Example:
        >>> config_directory("run", (0, 1, 2))
        'run/config_0_1_2'
    """
    return str(Path(working_directory) / "config_{}_{}_{}".format(*config_id))
