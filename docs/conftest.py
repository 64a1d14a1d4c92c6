"""What the sessions in the documentation need beyond this package."""

from __future__ import annotations

import importlib.util
import shutil
import signal
import sys
import warnings

import pytest


@pytest.fixture(autouse=True)
def _tools(request):
    """For the page on other tools alone."""
    if request.path.name == "tools.md":
        for extra in ("optuna", "prometheus_client", "tensorboard"):
            pytest.importorskip(extra)


@pytest.fixture(autouse=True)
def _spark(request, monkeypatch):
    """For the page on Spark alone."""
    if request.path.name != "spark.md":
        yield
        return
    if importlib.util.find_spec("pyspark") is None or shutil.which("java") is None:
        pytest.skip("there is no PySpark, or no Java")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)  # as the page does
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", "--conf spark.ui.enabled=false pyspark-shell")
    warnings.filterwarnings("ignore", "unclosed <socket", ResourceWarning)  # of PySpark 3.5
    answer = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, answer)  # PySpark sets its own
