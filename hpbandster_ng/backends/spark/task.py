"""What runs on the executors."""

from __future__ import annotations

import pickle
import threading
import traceback
from dataclasses import dataclass
from typing import Any, NamedTuple

from pyspark import TaskContext

from hpbandster_ng import __version__
from hpbandster_ng.backends.devices import VISIBLE_DEVICES
from hpbandster_ng.backends.evaluation import Call, Compute
from hpbandster_ng.backends.evaluator import Evaluator
from hpbandster_ng.backends.factory import WorkerFactory
from hpbandster_ng.engine.records import Outcome
from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["Refusal", "evaluate"]

_IDLE_LIMIT = 60.0
"""Seconds for which a worker is kept that nobody calls, as Spark keeps its Python processes."""


class Refusal(NamedTuple):
    """Where a task of Spark ran, there cannot be a worker: what an :class:`InvalidArgumentError` says of it."""

    parameter: str
    value: str
    rule: str
    way_out: str


@dataclass(frozen=True)
class _Pickled(WorkerFactory):
    """A factory on its way: loaded by the process that builds the worker, which reports what is wrong with it."""

    factory: bytes = b""

    def build(self) -> Compute:
        try:
            factory: WorkerFactory = pickle.loads(self.factory)
        except Exception as error:
            raise InvalidArgumentError(
                "worker_class", self.worker_class, "cannot be loaded on an executor",
                "its module must be there, installed or sent by spark.sparkContext.addPyFile(...); this is what was "
                f"raised:\n{traceback.format_exc()}",
            ) from error  # fmt: skip
        return factory.build()


_Key = tuple[Any, ...]

_idle: dict[_Key, tuple[Evaluator, threading.Timer]] = {}
"""The workers of this process of Spark's: who takes one out has it alone."""


def evaluate(
    version: str, run: str, worker: Any, call: Call, time_limit: float | None, _: None
) -> Outcome | Refusal | None:
    """Evaluate in a child of this process.

    Args:
        version: of this package where the driver runs.
        run: whose worker it is.
        worker: a broadcast variable: the pickled factory.

    Returns:
        None if Spark has tried this task before: whether it is tried again, the run decides.
    """
    if version != __version__:
        way_out = f"install {version}, the version of the driver, there, too"
        return Refusal("spark", "", f"has executors with hpbandster_ng {__version__}", way_out)
    context = TaskContext.get()
    assert context is not None
    if context.attemptNumber():
        return None
    gpu = context.resources().get("gpu")
    environment = {} if gpu is None else {VISIBLE_DEVICES: ",".join(gpu.addresses)}
    key = (run, *environment.values())
    evaluator = _taken(key) or Evaluator(_Pickled(pickle.loads, factory=worker.value), True, environment)
    try:
        return evaluator.evaluate(call, time_limit)
    except InvalidArgumentError as error:
        return Refusal(error.parameter, str(error.value), error.rule, error.way_out)
    finally:
        _keep(key, evaluator)


def _taken(key: _Key) -> Evaluator | None:
    if key not in _idle:
        return None
    evaluator, timer = _idle.pop(key)
    timer.cancel()
    return evaluator


def _keep(key: _Key, evaluator: Evaluator) -> None:
    timer = threading.Timer(_IDLE_LIMIT, _close, [key])
    timer.daemon = True
    _idle[key] = (evaluator, timer)
    timer.start()


def _close(key: _Key) -> None:
    if key in _idle:
        _idle.pop(key)[0].close()
