"""What pytest must not even import."""

from __future__ import annotations

import importlib.util

collect_ignore_glob: list[str] = []
if importlib.util.find_spec("pyspark") is None:  # which not every environment of the tests has
    collect_ignore_glob += ["hpbandster_ng/backends/spark/*", "tests/backends/spark/standalone.py"]
if importlib.util.find_spec("mlflow") is None:
    collect_ignore_glob += ["hpbandster_ng/integrations/mlflow/*", "tests/integrations/mlflow_workers.py"]
for extra, module in (("optuna", "optuna"), ("prometheus_client", "prometheus"), ("tensorboard", "tensorboard")):
    if importlib.util.find_spec(extra) is None:
        collect_ignore_glob.append(f"hpbandster_ng/integrations/{module}.py")
