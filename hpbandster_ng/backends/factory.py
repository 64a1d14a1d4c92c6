"""How a worker gets to the process that computes with it: as a class and its arguments."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hpbandster_ng.backends.evaluation import Compute, takes
from hpbandster_ng.errors import InvalidArgumentError, shortened

__all__ = ["UNNAMED", "WorkerFactory", "built"]

UNNAMED = "run"
"""The run_id where nobody finds a run by its name."""


@dataclass(frozen=True)
class WorkerFactory:
    """Builds a worker, once in each process that computes; is pickled to get there.

    Args:
        worker_class: a subclass of :class:`~hpbandster_ng.core.worker.Worker`, or another one whose objects have a
            method ``compute``; or a function that returns such an object.
        worker_kwargs: its arguments. A subclass of ``Worker`` needs no ``run_id`` among them.

    Raises:
        InvalidArgumentError: the class cannot be called.

    Example:
        >>> class Trainer:
        ...     def __init__(self, data):
        ...         self.data = data
        ...     def compute(self, config, budget, **_):
        ...         return {"loss": config["x"] * sum(self.data)}
        >>> WorkerFactory(Trainer, {"data": [1, 2]}).build()(config={"x": 0.5}, budget=9.0)
        {'loss': 1.5}
    """

    worker_class: Callable[..., Any]
    worker_kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not callable(self.worker_class):
            raise InvalidArgumentError(
                "worker_class", self.worker_class, "must be a class", "its arguments are passed as worker_kwargs"
            )

    def build(self) -> Compute:
        """The ``compute`` of a new worker.

        Raises:
            InvalidArgumentError: the class raises, and the message has the traceback; or its objects have no
                ``compute``.
        """
        name = {"run_id": UNNAMED} if _takes_run_id(self.worker_class) else {}
        try:
            worker = self.worker_class(**{**name, **self.worker_kwargs})
        except Exception as error:
            raise InvalidArgumentError(
                "worker_class", self.worker_class,
                f"cannot be built with worker_kwargs={shortened(dict(self.worker_kwargs))}",
                f"this is what it raised:\n{traceback.format_exc()}",
            ) from error  # fmt: skip
        compute = getattr(worker, "compute", None)
        if not callable(compute):
            raise InvalidArgumentError(
                "worker_class", self.worker_class, f"gives {shortened(worker)}, which has no method compute",
                "make it a subclass of hpbandster_ng.core.worker.Worker",
            )  # fmt: skip
        made: Compute = compute
        return made


def built(compute: Compute | WorkerFactory) -> Compute:
    """What a factory builds, or what is there already.

    Raises:
        InvalidArgumentError: see :meth:`WorkerFactory.build`.
    """
    return compute.build() if isinstance(compute, WorkerFactory) else compute


def _takes_run_id(worker_class: Callable[..., Any]) -> bool:
    """As ``Worker`` does, and a subclass that passes any keywords on to it; not any class that takes any keywords."""
    kinds = inspect.getmro(worker_class) if inspect.isclass(worker_class) else (worker_class,)
    return takes(worker_class, "run_id") and any(takes(kind, "run_id", by_name=True) for kind in kinds)
