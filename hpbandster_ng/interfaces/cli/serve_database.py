"""A worker's class at work for the experiments of a database."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from hpbandster_ng.backends.evaluation import Call
from hpbandster_ng.backends.evaluator import Evaluator
from hpbandster_ng.core.termination import send_to_main_thread
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.engine.records import Outcome
from hpbandster_ng.experiments import Experiment, Suggestion
from hpbandster_ng.interfaces.cli.serving import Evaluate, Service
from hpbandster_ng.interfaces.cli.worker_class import build_worker
from hpbandster_ng.storage.urls import logs_closed_on_error

__all__ = ["serve_database"]

_GRACE = 15.0
"""Seconds in which an evaluation may end after the first signal, as a worker of a run has them."""

_LOOK = 0.5
"""Seconds between two looks whether these are over."""

_log = logging.getLogger("hpbandster_ng")


def serve_database(
    kind: type[Worker],
    target: str,
    settings: Mapping[str, Any],
    storage: str,
    experiment: str | None = None,
    poll_interval: float = 0.1,
    max_idle: float = 300.0,
    working_directory: str = ".",
) -> None:
    """Work until there is nothing to do, and say why it ended.

    Args:
        kind: made once for each experiment, whose id is its ``run_id``.
        target: how the user calls it.
        settings: further arguments of its constructor.
        storage: url of the database.
        experiment: id or name of the one to work for; None for all.
        poll_interval: seconds between two looks for a suggestion.
        max_idle: seconds without one, after which it ends.
        working_directory: where configurations get their directories.
    """
    evaluations = _Evaluations(kind, target, settings, Path(working_directory).absolute())
    name = ".".join(
        [
            str(settings.get("host", socket.gethostname())),
            str(os.getpid()),
            *map(str, filter(None, [settings.get("id")])),
        ]
    )
    with logs_closed_on_error(storage, closes_always=True) as logs, evaluations.patience():
        service = Service(logs, experiment, evaluations.opened, name, evaluations.may_finish)
        reason = service.run(max_idle, poll_interval)
    if reason is not None:
        click.echo(f"Ended: {reason}.", err=True)


class _Evaluations:
    """Calls ``compute``, of a worker of each experiment."""

    def __init__(self, kind: type[Worker], target: str, settings: Mapping[str, Any], directory: Path) -> None:
        self._kind = kind
        self._target = target
        self._settings = settings
        self._directory = directory
        self._evaluators: list[Evaluator] = []
        self._last_moment: float | None = None

    @contextlib.contextmanager
    def opened(self, experiment: Experiment) -> Iterator[Evaluate]:
        """What evaluates the suggestions of an experiment."""
        worker = build_worker(self._kind, self._target, {**self._settings, "run_id": experiment.id})
        evaluator = worker.new_evaluator()
        self._evaluators.append(evaluator)

        def evaluate(suggestion: Suggestion) -> Outcome:
            config_id, budget = suggestion.config_id, suggestion.budget
            directory = self._directory / experiment.id / "config_{}_{}_{}".format(*config_id)
            call = Call(config_id, suggestion.config, budget, str(directory), suggestion.previous_budget)
            return evaluator.evaluate(call, suggestion.time_limit)

        try:
            evaluator.start()
            evaluator.wait_until_ready()
            yield evaluate
        finally:
            evaluator.close()

    def may_finish(self) -> bool:
        """Whether ``compute`` runs in this process, which may end it within a while; touches no lock."""
        self._last_moment = time.monotonic() + _GRACE
        return any(evaluator.is_computing_here for evaluator in self._evaluators)

    @contextlib.contextmanager
    def patience(self) -> Iterator[None]:
        """Within this, who may finish gets another signal when the time is over."""
        is_over = threading.Event()

        def watch() -> None:
            while not is_over.wait(_LOOK):
                if self._last_moment is not None and time.monotonic() >= self._last_moment:
                    send_to_main_thread(signal.SIGTERM)
                    return

        watcher = threading.Thread(target=watch, name="hpbandster-patience", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            is_over.set()
            watcher.join()
