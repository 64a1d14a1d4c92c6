"""What an iteration answers when it is asked what to do next, and what the planner needs of every iteration.

=============  =====================================================================================
``Sample``     draw a new configuration for this budget
``Promote``    this configuration runs next, on this budget
``Choose``     a model decides what runs next: ask by :meth:`AnyIteration.choose`
``Wait``       nothing to start until a running job ends
``Done``       the iteration is complete
=============  =====================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hpbandster_ng.engine.records import Config, ConfigId, Job, OutcomeState
from hpbandster_ng.errors import InvalidArgumentError

__all__ = [
    "AnyIteration",
    "Choose",
    "ConfigSampler",
    "Datum",
    "Done",
    "Promote",
    "Sample",
    "Start",
    "Step",
    "Wait",
    "is_success",
    "record",
]

ConfigSampler = Callable[[float], tuple[Config, dict[str, Any]]]
"""Draws a configuration for a budget: ``config_generator.get_config`` or anything alike."""


@dataclass
class Datum:
    """All that is known of one configuration.

    Attributes:
        config: the configuration.
        config_info: how it was picked.
        results: by budget ``{"loss", "info"}``, or None where the evaluation failed.
        time_stamps: by budget ``{"submitted", "started", "finished"}`` in seconds.
        exceptions: by budget the traceback, or None.
        outcomes: by budget ``"invalid return"``, ``"timed out"`` or ``"lost"``, where the run came to that; whatever
            else has no result has failed.
        workers: by budget who computed it, where that is known.
        status: QUEUED, RUNNING, REVIEW (waits for the rung to end, or for a promotion), TERMINATED (did not advance,
            or was cancelled), COMPLETED (went all the way) or CRASHED.
        budget: the budget it runs on now, or ran on last.
    """

    config: Config
    config_info: dict[str, Any]
    results: dict[float, dict[str, Any] | None] = field(default_factory=dict)
    time_stamps: dict[float, dict[str, float]] = field(default_factory=dict)
    exceptions: dict[float, str | None] = field(default_factory=dict)
    status: str = "QUEUED"
    budget: float = 0.0
    outcomes: dict[float, str] = field(default_factory=dict)
    workers: dict[float, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    budget: float


@dataclass(frozen=True, slots=True)
class Promote:
    """The configuration may have entered in another iteration than the one that answers."""

    config_id: ConfigId
    budget: float


@dataclass(frozen=True, slots=True)
class Choose:
    """A model decides.

    Attributes:
        budget: on which a configuration of the user begins, as long as there are any: those are not up to the model.
        otherwise: what is done if a worker has waited so long already that the model is not asked.
    """

    budget: float
    otherwise: Sample | Promote


@dataclass(frozen=True, slots=True)
class Start:
    """What a model may choose beside :class:`Promote`: a new configuration, on a budget of the model's choice."""

    config: Config
    config_info: Mapping[str, Any]
    budget: float


@dataclass(frozen=True, slots=True)
class Wait:
    pass


@dataclass(frozen=True, slots=True)
class Done:
    pass


Step = Sample | Promote | Choose | Wait | Done


class AnyIteration:
    """What the planner needs of an iteration, whatever the rule by which configurations advance.

    Args:
        HPB_iter: the number of this iteration.
        config_sampler: draws a new configuration for a budget; None where none is ever drawn.
        logger: kept for subclasses; never called from here.
        result_logger: kept for subclasses.

    Attributes:
        data: :class:`Datum` by configuration id, in the order of arrival.
    """

    def __init__(
        self, HPB_iter: int, config_sampler: ConfigSampler | None, logger: Any = None, result_logger: Any = None
    ) -> None:
        self.HPB_iter = HPB_iter
        self.config_sampler = config_sampler
        self.logger = logger
        self.result_logger = result_logger
        self.data: dict[ConfigId, Datum] = {}

    @property
    def is_finished(self) -> bool:
        """Whether this iteration starts nothing any more."""
        raise NotImplementedError(f"{type(self).__name__} must implement is_finished")

    def check(self) -> None:
        """Refuse to begin where nothing could ever start.

        Raises:
            InvalidArgumentError: names what must be corrected.
        """

    def next_step(self) -> Step:
        """What to do next; changes nothing."""
        raise NotImplementedError(f"{type(self).__name__} must implement next_step()")

    def choose(self) -> Start | Promote:
        """What the model wants to run next; asked after a step ``Choose``, with the generator freshly seeded.

        The answer may depend on what the iteration and the generator were told, and on random numbers of the generator,
        and on nothing else: it is asked again if a run was interrupted before the answer was recorded.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement choose(), or never answer Choose")

    def given_up(self) -> Sequence[ConfigId]:
        """Who will never run again, as the model saw it when it chose; asked after :meth:`choose`."""
        return ()

    def next_config_id(self, budget: float) -> ConfigId:
        """The id that a new configuration on ``budget`` will carry."""
        raise NotImplementedError(f"{type(self).__name__} must implement next_config_id(budget)")

    def enter(self, job: Job) -> None:
        """A job of a configuration of this iteration is due; a new configuration enters with its first."""
        raise NotImplementedError(f"{type(self).__name__} must implement enter(job)")

    def register_result(self, job: Any) -> None:
        """Record how a job ended."""
        raise NotImplementedError(f"{type(self).__name__} must implement register_result(job)")

    def withdraw(self, config_id: ConfigId) -> None:
        """Take a running configuration out without a result: its evaluation was cancelled, so there is none."""
        raise NotImplementedError(f"{type(self).__name__} must implement withdraw(config_id)")

    def process_results(self) -> Sequence[ConfigId]:
        """After the end of a job: whoever competed with it may go on; nobody by default.

        Returns:
            Who did not, and will never run again.
        """
        return ()

    def eliminate(self, config_id: ConfigId) -> None:
        """One of this iteration will never run again: it failed, was not promoted, or is given up while it waits."""
        if self.data[config_id].status == "REVIEW":
            self.data[config_id].status = "TERMINATED"
            self.give_up(config_id)

    def give_up(self, config_id: ConfigId) -> None:
        """One that waits is not to wait any more; nothing is to be done by default."""

    def _known(self, job: Any, must_run: bool = True) -> Datum:
        """The datum that a result belongs to.

        Raises:
            InvalidArgumentError: the configuration is unknown, not running, or runs on another budget.
        """
        datum, budget = self.data.get(job.id), job.kwargs["budget"]
        if datum is None:
            raise InvalidArgumentError(
                "job.id", job.id, f"is unknown to iteration {self.HPB_iter}", "register it where it was started"
            )
        if must_run and (datum.status != "RUNNING" or datum.budget != budget):
            raise InvalidArgumentError(
                "job",
                (job.id, budget),
                f"is not running; its status is {datum.status} on budget {datum.budget}",
                "register each started job once",
            )
        return datum


def record(datum: Datum, job: Any) -> None:
    """Write down how a job ended."""
    budget = job.kwargs["budget"]
    datum.results[budget] = job.result
    datum.exceptions[budget] = job.exception
    datum.time_stamps[budget] = dict(job.timestamps)
    outcome = getattr(job, "outcome", None)  # which jobs of scripts by hand do not have
    if outcome is not None and outcome.state not in (OutcomeState.SUCCEEDED, OutcomeState.FAILED):
        datum.outcomes[budget] = outcome.state.value
    worker = getattr(job, "worker_name", None)  # as above
    if worker is not None:
        datum.workers[budget] = worker
    datum.budget = budget
    datum.status = "REVIEW" if is_success(job.result) else "CRASHED"


def is_success(result: Mapping[str, Any] | None) -> bool:
    """Whether an evaluation returned a finite loss.

    Example:
        >>> is_success({"loss": 0.5, "info": None}), is_success(None)
        (True, False)
    """
    return result is not None and math.isfinite(result["loss"])
