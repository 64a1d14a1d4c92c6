"""The worker's side: the run that ``compute`` logs to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import mlflow
from mlflow.entities import Run, RunData, RunInfo, RunStatus
from mlflow.tracking import fluent

__all__ = ["ChildRun"]

_EXPERIMENT = "MLFLOW_EXPERIMENT_ID"

_set_here: set[str] = set()
"""Those that the variable was set to."""


class ChildRun:
    """Makes a child run the active one of this thread; server and experiment of this process become the run's.

    ``mlflow.start_run`` would ask the server three times whether it may, and hold an evaluation up for minutes where
    that is away; an evaluation that logs nothing needs no server. So the run is put where MLflow keeps the active ones,
    which is a place of each thread's own; the variable ``MLFLOW_RUN_ID`` would be one for all threads, and used up by
    the first run that is started.

    Args:
        settings: what :meth:`MlflowObserver.context` has told.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.settings = settings

    def __enter__(self) -> None:
        if mlflow.get_tracking_uri() != self.settings["tracking_uri"]:
            mlflow.set_tracking_uri(self.settings["tracking_uri"])
        _set_experiment(self.settings["experiment_id"])
        info = RunInfo(
            run_id=self.settings["run_id"],
            experiment_id=self.settings["experiment_id"],
            user_id="",
            status=RunStatus.to_string(RunStatus.RUNNING),
            start_time=0,
            end_time=None,
            lifecycle_stage="active",
            artifact_uri=self.settings["artifact_uri"],
        )
        stack: Any = fluent._active_run_stack
        make_active: Any = mlflow.ActiveRun
        self._active = stack.get()
        self._before = list(self._active)
        self._active[:] = [make_active(Run(info, RunData()))]

    def __exit__(self, *_: object) -> None:
        """Also end what ``compute`` has started on top and not ended."""
        try:
            while self._active and self._active[-1].info.run_id != self.settings["run_id"]:
                mlflow.end_run()
        finally:
            self._active[:] = self._before


def _set_experiment(experiment_id: str) -> None:
    """For nested runs; one that is set otherwise in this process stays.

    ``mlflow.set_experiment`` would ask the server.
    """
    if os.environ.get(_EXPERIMENT) in (None, *_set_here):
        os.environ[_EXPERIMENT] = experiment_id
        _set_here.add(experiment_id)
