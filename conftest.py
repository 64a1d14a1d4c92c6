"""What pytest must not even import, and which tests may run beside all others."""

from __future__ import annotations

import importlib.util

import pytest

collect_ignore_glob: list[str] = []
if importlib.util.find_spec("pyspark") is None:  # which not every environment of the tests has
    collect_ignore_glob += ["hpbandster_ng/backends/spark/*", "tests/backends/spark/standalone.py"]
if importlib.util.find_spec("mlflow") is None:
    collect_ignore_glob += ["hpbandster_ng/integrations/mlflow/*", "tests/integrations/mlflow_workers.py"]
for extra, module in (("optuna", "optuna"), ("prometheus_client", "prometheus"), ("tensorboard", "tensorboard")):
    if importlib.util.find_spec(extra) is None:
        collect_ignore_glob.append(f"hpbandster_ng/integrations/{module}.py")

BESIDE = (
    "docs/spark.md",
    "hpbandster_ng/backends/spark/",
    "tests/backends/spark/",
    "tests/clusters/",
    "tests/e2e/test_hosts.py",
    "tests/e2e/test_outages.py",
    "tests/interfaces/test_cluster.py",
)
"""Tests that take minutes and compute little in Python: they wait for schedulers, for Java and for outages."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With ``-n 2``, one process runs those of the table while another one runs all others, each in its usual order."""
    if config.getoption("dist") != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - not every environment of the tests has it

    class TwoLanes(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return "beside" if nodeid.startswith(BESIDE) else "others"

    return TwoLanes(config, log)
