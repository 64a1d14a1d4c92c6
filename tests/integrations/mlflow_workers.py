"""What the tests of MlflowObserver compute, in this process and in others."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import mlflow

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.integrations.mlflow import MlflowObserver
from hpbandster_ng.optimizers import BOHB
from tests.integrations.spaces import SPACE
from tests.waiting import wait_until


class LoggingWorker(Worker):
    """Logs whom it computes for, and what may be in the way of ours."""

    def compute(self, config_id, config, budget, **_):
        mlflow.log_param("computes", "_".join(map(str, config_id)))
        mlflow.log_param("x", "another x")
        mlflow.log_params({"kind": config["kind"]})
        for epoch in range(2):
            mlflow.log_metric("loss", 100 + epoch, step=epoch)
        with mlflow.start_run(nested=True, run_name="nested"):
            mlflow.log_param("inside", threading.current_thread().name)
        mlflow.set_tag("budget", budget)
        return {"loss": config["x"], "info": {}}


def master(url, experiment, directory):
    """A run that hangs in its sixth evaluation, until there is a file ``go on``."""
    mlflow.set_tracking_uri(url)
    mlflow.set_experiment(experiment)
    computed = []

    def compute(config, budget, **_):
        computed.append(config)
        if len(computed) == 6 and not Path(directory, "go on").exists():
            Path(directory, "hangs").touch()
            wait_until(Path(directory, "go on").exists, "somebody kills this, or lets it go on", limit=120)
        mlflow.log_metric("of_worker", budget)
        mlflow.log_param("x", "another x")
        return {"loss": config["x"] + 1 / budget, "info": {"accuracy": 1 - config["x"]}}

    storage, backend = f"journal:{directory}/log", InProcessBackend(compute, f"{directory}/run")
    run = {"run_id": "killed", "storage": storage, "seed": 1, "backend": backend, "observers": [MlflowObserver()]}
    with BOHB(SPACE, min_budget=1, max_budget=9, **run) as optimizer:
        optimizer.run(n_iterations=1)


if __name__ == "__main__":
    master(*sys.argv[1:])
