"""What an experiment is: kept in the first event of its log, from which every process makes the same optimizer."""

from __future__ import annotations

import hashlib
import importlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpbandster_ng import optimizers
from hpbandster_ng.engine.checks import check_number, check_whole
from hpbandster_ng.engine.events import Event, RunDescribed, RunRequested
from hpbandster_ng.engine.plain import plain
from hpbandster_ng.engine.schedule import BudgetPlan, Plan, amounts
from hpbandster_ng.errors import HpbandsterError, InvalidArgumentError, LogError
from hpbandster_ng.experiments.metrics import Metric, Metrics
from hpbandster_ng.storage.spaces import space_as_json, space_from_json

__all__ = ["Specification", "check_text", "id_of"]

_FORMAT = 1
"""Of what is kept; another one is refused."""

_NOT_OF_EXPERIMENTS = frozenset(
    {
        "backend",
        "clock",
        "dynamic_queue_size",
        "host",
        "insecure",
        "job_queue_sizes",
        "logger",
        "nameserver",
        "nameserver_port",
        "observers",
        "on_eliminated",
        "ping_interval",
        "previous_result",
        "result_logger",
        "run_id",
        "shutdown_workers",
        "storage",
        "worker_timeout",
        "working_directory",
    }
)
"""Of the arguments of an optimizer, those that are for a master and its workers."""


def id_of(name: str) -> str:
    """The id of the experiment of that name: so two of the same name cannot be made in one place.

    Example:
        >>> id_of("classifier")
        'fe1991a9d8b6'
    """
    return hashlib.sha256(name.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Specification:
    """The settings of an experiment.

    Attributes:
        name: of the experiment, one of its kind in its database.
        optimizer: the name of a class of :mod:`hpbandster_ng.optimizers`, or ``"module:Class"``.
        settings: of the optimizer, plain values.
        configspace: the search space.
        metrics: what evaluations measure.
        parallel_bandwidth: how many suggestions may be open at a time; None for no limit.
        lease: seconds after which a suggestion whose holder is silent is offered again.
        metadata: the user's, plain values.
    """

    name: str
    optimizer: str
    settings: Mapping[str, Any]
    configspace: Any
    metrics: Metrics
    parallel_bandwidth: int | None
    lease: float
    metadata: Mapping[str, Any]

    @classmethod
    def checked(
        cls,
        name: object,
        optimizer: type | str,
        settings: Mapping[str, Any],
        configspace: Any,
        metrics: Sequence[Metric | Mapping[str, Any]],
        parallel_bandwidth: int | None,
        lease: float,
        metadata: Mapping[str, Any],
    ) -> Specification:
        """What a user asks for.

        Raises:
            InvalidArgumentError: names what cannot be.
            NotPlainError: a setting or the metadata cannot be kept.
        """
        name = check_text("name", name)
        if parallel_bandwidth is not None:
            check_whole("parallel_bandwidth", parallel_bandwidth, 1, "None means no limit")
        for setting in settings:
            if setting in _NOT_OF_EXPERIMENTS:
                raise InvalidArgumentError(
                    setting, settings[setting], "is for a master and its workers, which an experiment has not",
                    "leave it out",
                )  # fmt: skip
        specification = cls(
            name,
            optimizer if isinstance(optimizer, str) else _name_of(optimizer),
            plain(dict(settings), "settings"),
            configspace,
            Metrics(metrics),
            None if parallel_bandwidth is None else int(parallel_bandwidth),
            check_number("lease", lease, "it is a number of seconds", positive=True),
            plain(dict(metadata), "metadata"),
        )
        specification.new_optimizer()
        return specification

    @property
    def id(self) -> str:
        return id_of(self.name)

    def new_optimizer(self) -> Any:
        """The optimizer, as a master of a run of this experiment would have it; it is never run.

        Raises:
            InvalidArgumentError: there is no such optimizer, or it refuses a setting.
        """
        kind = _class_of(self.optimizer)
        try:
            return kind(configspace=self.configspace, run_id=self.id, **self.settings)
        except HpbandsterError:
            raise
        except Exception as error:  # of a class of the user's, which other processes must not end with
            raise InvalidArgumentError(
                "settings",
                dict(self.settings),
                f"must be arguments of {self.optimizer} ({type(error).__name__}: {error})",
                "correct them",
            ) from error

    def plan(self, n_iterations: int) -> Plan | BudgetPlan | None:
        """What so many iterations run, from the first on; None if the optimizer does not tell."""
        planned = getattr(self.new_optimizer(), "planned", None)
        return None if planned is None else planned(0, n_iterations)

    def request(self, at: float, n_iterations: int | None) -> RunRequested:
        """The entry of the log that asks for so many iterations in all; None is without end."""
        if n_iterations is None:
            return RunRequested(at, 0, is_open_ended=True)
        runs, budget = amounts(self.plan(n_iterations))
        return RunRequested(at, n_iterations, planned_runs=runs, planned_budget=budget)

    def described(self, at: float, seed: int) -> RunDescribed:
        """The first event of the log."""
        description = {
            "format": _FORMAT,
            "name": self.name,
            "optimizer": self.optimizer,
            "settings": dict(self.settings),
            "seed": seed,
            "configspace": json.loads(space_as_json(self.configspace)),
            "metrics": self.metrics.as_plain(),
            "parallel_bandwidth": self.parallel_bandwidth,
            "lease": self.lease,
            "metadata": dict(self.metadata),
        }
        return RunDescribed(at, self.id, description)

    @classmethod
    def recorded(cls, event: Event, where: str) -> Specification:
        """From the first event of a log.

        Raises:
            LogError: it is none of an experiment, or one of a later version.
        """
        kept = event.description if isinstance(event, RunDescribed) else {}
        if kept.get("format") != _FORMAT:
            raise LogError(
                f"{where} is no experiment that this release can read: its format is {kept.get('format')!r}, not "
                f"{_FORMAT}; use the release that made it, or a later one"
            )
        return cls(
            kept["name"],
            kept["optimizer"],
            {**kept["settings"], "seed": kept["seed"]},
            space_from_json(json.dumps(kept["configspace"])),
            Metrics(kept["metrics"]),
            kept["parallel_bandwidth"],
            kept["lease"],
            kept["metadata"],
        )


def check_text(name: str, value: object) -> str:
    """The value, if it is a text that every database can hold.

    Raises:
        InvalidArgumentError: it is not.
    """
    if not isinstance(value, str) or not value.strip():
        raise InvalidArgumentError(name, value, "must be a text that is not empty", "give it one")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in value):
        raise InvalidArgumentError(
            name, value, "must have no control characters and no half characters", "leave them out"
        )
    return value


def _name_of(optimizer: type) -> str:
    name = optimizer.__name__
    return name if getattr(optimizers, name, None) is optimizer else f"{optimizer.__module__}:{optimizer.__qualname__}"


def _class_of(name: str) -> Any:
    """The class of that name.

    Raises:
        InvalidArgumentError: there is none; the message lists those of this package.
    """
    module, separator, qualname = name.partition(":")
    if not separator and name in optimizers.__all__:
        return getattr(optimizers, name)
    try:
        found: Any = importlib.import_module(module) if separator else None
        for part in qualname.split("."):
            found = getattr(found, part)
    except Exception as error:  # an import may raise anything
        raise InvalidArgumentError(
            "optimizer",
            name,
            f"must be one of {sorted(optimizers.__all__)}, or module:Class, found from here ({error})",
            "correct it",
        ) from error
    return found
