"""Workers on the executors of a Spark cluster: each evaluation is a job of Spark's, of one task."""

from __future__ import annotations

from hpbandster_ng.errors import MissingExtraError

try:
    import pyspark  # noqa: F401 - whoever needs it below says so by its own import
except ImportError as error:
    raise MissingExtraError("SparkBackend", "pyspark", "spark") from error

from hpbandster_ng.backends.spark.backend import SparkBackend

__all__ = ["SparkBackend"]
