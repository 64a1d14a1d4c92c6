"""What the package says of itself, and that it says it once."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hpbandster_ng

ROOT = Path(__file__).resolve().parents[1]


def test_the_version_is_that_of_the_installed_package():
    assert importlib.metadata.version("hpbandster_ng") == hpbandster_ng.__version__


def test_the_changelog_knows_the_version():
    assert re.search(
        rf"^##+ {re.escape(hpbandster_ng.__version__)}\b", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )


def test_the_command_line_is_installed():
    (command,) = importlib.metadata.distribution("hpbandster_ng").entry_points.select(group="console_scripts")
    assert command.name == "hpbandster-ng"
    assert callable(command.load())


@pytest.mark.parametrize(
    "extra",
    [
        "dashboard",
        "plot",
        "mongo",
        "pandas",
        "dask",
        "mlflow",
        "optuna",
        "parquet",
        "postgres",
        "prometheus",
        "sklearn",
        "spark",
        "sql",
        "tensorboard",
        "torch",
        "quickstart",
        "docs",
        "dev",
        "bench",
    ],
)
def test_the_extra_exists(extra):
    assert extra in importlib.metadata.metadata("hpbandster_ng").get_all("Provides-Extra")


def test_every_extra_that_an_error_names_exists():
    named = set()
    for path in (ROOT / "hpbandster_ng").rglob("*.py"):
        named |= set(re.findall(r'MissingExtraError\([^)]*"(\w+)"\)', path.read_text("utf-8")))
    known = set(importlib.metadata.metadata("hpbandster_ng").get_all("Provides-Extra"))
    assert named
    assert named <= known


def test_importing_the_package_takes_no_time():
    """The limit is half a second; the best of three tries, each in a new process, is what the import costs."""
    code = "import time; began = time.perf_counter(); import hpbandster_ng; print(time.perf_counter() - began)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(3)]
    assert min(float(run.stdout) for run in runs) < 0.5
