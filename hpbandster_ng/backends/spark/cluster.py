"""The session of Spark, as far as it is used here."""

from __future__ import annotations

import contextlib
import os
import platform
import threading
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from pyspark import InheritableThread, cloudpickle
from pyspark.sql import SparkSession

from hpbandster_ng import __version__
from hpbandster_ng.backends.evaluation import Call
from hpbandster_ng.backends.factory import WorkerFactory
from hpbandster_ng.backends.spark.task import Refusal, evaluate
from hpbandster_ng.engine.events import StartJob
from hpbandster_ng.engine.records import Outcome
from hpbandster_ng.engine.schedule import budget_text
from hpbandster_ng.errors import CommunicationError, InvalidArgumentError

__all__ = ["Cluster", "checked"]


class Cluster:
    """The user's session from one start of the backend to its close.

    Attributes:
        has_computed: whether a task has come back.

    Raises:
        InvalidArgumentError: it cannot be used, or the worker not be pickled.
    """

    def __init__(self, spark: SparkSession, factory: WorkerFactory) -> None:
        self.has_computed = False
        self._spark = spark
        self._factory = factory
        self._context = spark.sparkContext
        if self.why_stopped:
            way_out = "SparkSession.builder.getOrCreate() gives a new one"
            raise InvalidArgumentError("spark", spark, "is stopped", way_out)
        if os.environ.get("PYSPARK_PIN_THREAD", "true").lower() != "true":
            raise InvalidArgumentError(
                "PYSPARK_PIN_THREAD", os.environ["PYSPARK_PIN_THREAD"], "mixes the jobs of threads up",
                "remove it from the environment",
            )  # fmt: skip
        self._run = uuid.uuid4().hex
        self._worker = self._context.broadcast(_pickled(factory))
        self._task = self._context.parallelize([None], 1)

    @property
    def why_stopped(self) -> CommunicationError | None:
        """An error if the session is stopped, or its Java process gone."""
        with contextlib.suppress(Exception):
            if not self._java.isStopped():
                return None
        return CommunicationError("the Spark session was stopped; the run goes on with a new one if it has a storage")

    @property
    def num_executors(self) -> int:
        """The driver counts as one where it computes itself, with a master such as ``local[4]``."""
        return int(self._java.getExecutorMemoryStatus().size()) - (not self._java.isLocal())

    @property
    def num_tasks_at_once(self) -> int:
        return int(self._java.maxNumConcurrentTasks(self._java.resourceProfileManager().defaultResourceProfile()))

    @property
    def brings_executors(self) -> bool:
        return self._context.getConf().get("spark.dynamicAllocation.enabled", "false") == "true"

    def thread(self, target: Callable[[], Any], name: str) -> threading.Thread:
        """A thread whose jobs have the settings of the thread that starts it, such as the scheduler's pool."""
        return InheritableThread(target=target, name=name, daemon=True)

    def evaluate(self, group: str, start: StartJob, call: Call) -> Outcome | str:
        """How it ended, or why what computed it is lost; the job belongs to this group.

        Raises:
            InvalidArgumentError: there cannot be a worker, or nothing has been evaluated yet and nothing can be.
            CommunicationError: the session was stopped.
        """
        budget = budget_text(start.budget)
        text = f"hpbandster_ng: configuration {start.config_id}, budget {budget}, attempt {start.attempt}"
        try:
            self._context.setJobGroup(group, text, interruptOnCancel=True)
            task = partial(evaluate, __version__, self._run, self._worker, call, start.time_limit)
            answer: Outcome | Refusal | None = self._task.map(task).collect()[0]
        except Exception as error:
            reason = _told(error)
            if stopped := self.why_stopped:
                raise stopped from error
            if self.has_computed or "cancelled" in reason:
                return reason
            python = ".".join(platform.python_version_tuple()[:2])
            raise InvalidArgumentError(
                "spark", self._spark, "has executors on which nothing can be evaluated",
                f"they need hpbandster_ng {__version__} in a Python {python}, which PYSPARK_PYTHON names; this is what "
                f"Spark reports:\n{reason}",
            ) from error  # fmt: skip
        if isinstance(answer, Refusal):
            here = {"spark": self._spark, "worker_class": self._factory.worker_class}
            value = here.get(answer.parameter, answer.value)
            raise InvalidArgumentError(answer.parameter, value, answer.rule, answer.way_out)
        self.has_computed = True
        return answer or "Spark lost the executor or its Python process"

    def cancel(self, group: str) -> None:
        with contextlib.suppress(Exception):  # a session that is stopped has no jobs
            self._context.cancelJobGroup(group)

    def close(self) -> None:
        with contextlib.suppress(Exception):  # it may be stopped
            self._worker.destroy()

    @property
    def _java(self) -> Any:
        return self._context._jsc.sc()


def checked(spark: Any) -> SparkSession:
    """The session, if it is of the kind that is needed.

    Raises:
        InvalidArgumentError: it is not, and the message says what to use.
    """
    if any(kind.__module__.startswith("pyspark.sql.connect") for kind in type(spark).__mro__):
        raise InvalidArgumentError(
            "spark", spark, "is a session of Spark Connect, which has no SparkContext to run jobs with",
            "use one whose driver is this process, such as SparkSession.builder.master(...).getOrCreate() or that of a "
            "script which spark-submit runs; or start workers over Pyro4 on the machines",
        )  # fmt: skip
    if not isinstance(spark, SparkSession):
        raise InvalidArgumentError(
            "spark", spark, "must be a SparkSession", "SparkSession.builder.getOrCreate() gives one"
        )
    return spark


def _pickled(factory: WorkerFactory) -> bytes:
    """What an executor cannot import, such as a class of a notebook, is in it as a whole."""
    dumps: Callable[[WorkerFactory], bytes] = cloudpickle.dumps
    try:
        return dumps(factory)
    except Exception as error:  # pickling runs code of the user
        raise InvalidArgumentError(
            "worker_class", factory.worker_class, f"cannot be pickled with its worker_kwargs ({error})",
            "keep in the class, and in its arguments, only what can be pickled",
        ) from error  # fmt: skip


def _told(error: Exception) -> str:
    """What Spark says, without the lines of Java's stack."""
    java = getattr(error, "java_exception", None)
    text = str(error if java is None else java.getMessage())
    return "\n".join(line for line in text.splitlines() if line and not line.startswith("\tat "))[:2000]
