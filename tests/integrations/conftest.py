from __future__ import annotations

import importlib.metadata
import uuid

import pytest


@pytest.fixture(scope="session")
def mlflow_server():
    """A running server; each test uses an experiment of its own."""
    pytest.importorskip("mlflow", reason="MLflow is not installed (pip install mlflow)")
    if "mlflow" not in {each.metadata["Name"] for each in importlib.metadata.distributions()}:  # mlflow-skinny has none
        pytest.skip("MLflow's server is not installed (pip install mlflow)")
    from tests.integrations.mlflow_server import MlflowServer

    with MlflowServer() as server:
        yield server


@pytest.fixture
def mlflow(monkeypatch):
    """MLflow without anything that a test before has left in it."""
    mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed (pip install mlflow)")
    from mlflow.tracking import fluent

    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID"):
        monkeypatch.setenv(name, "")  # and is put back, since MLflow sets some of them
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setattr(fluent, "_active_experiment_id", None)
    yield mlflow
    fluent._active_run_stack.get().clear()
    mlflow.set_tracking_uri(None)


@pytest.fixture
def experiment(mlflow, mlflow_server):
    """The name of a new experiment, which is set."""
    name = f"experiment-{uuid.uuid4().hex}"
    mlflow.set_tracking_uri(mlflow_server.url)
    mlflow.set_experiment(name)
    return name
