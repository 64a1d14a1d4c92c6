"""A run in MLflow: a parent run, a child run for each configuration, a step for each budget.

The master's side is :class:`MlflowObserver`. What it sends goes by a thread of its own; the run waits for MLflow only
where it needs the id of a child run before a job is given to a worker, for three seconds at most, and not at all once
MLflow was away. The worker's side is :class:`ChildRun`, which makes that child run the active one around ``compute``.

What was logged carries the identity of the run that it belongs to, which the first entry of the run's log defines. So a
master that takes a run up again finds all of it.
"""

from __future__ import annotations

from hpbandster_ng.errors import MissingExtraError

try:
    import mlflow as _mlflow  # noqa: F401 - the modules of this folder need it
except ImportError as error:
    raise MissingExtraError("MlflowObserver", "mlflow", "mlflow") from error

from hpbandster_ng.integrations.mlflow.child_run import ChildRun
from hpbandster_ng.integrations.mlflow.observer import MlflowObserver

__all__ = ["ChildRun", "MlflowObserver"]
