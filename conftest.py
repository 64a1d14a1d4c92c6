"""What pytest must not even import."""

from __future__ import annotations

import importlib.util

collect_ignore_glob: list[str] = []
if importlib.util.find_spec("pyspark") is None:  # which not every environment of the tests has
    collect_ignore_glob += ["hpbandster_ng/backends/spark/*", "tests/backends/spark/standalone.py"]
