"""What a process knows of an experiment: the fold of its log so far."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hpbandster_ng.core.result import Result
from hpbandster_ng.engine.events import EndJob, Event, RunRequested, StartJob
from hpbandster_ng.engine.records import JobReport, OutcomeState
from hpbandster_ng.engine.suggestions import Suggestions
from hpbandster_ng.errors import LogError, SuggestionError
from hpbandster_ng.experiments.specification import Specification
from hpbandster_ng.storage.shared import Record

__all__ = ["Ledger", "Progress", "worker_of"]


RECENTLY = 0.1
"""Seconds."""


def worker_of(holder: str) -> str:
    """Who has a suggestion, whose id begins with that.

    Example:
        >>> worker_of("host.4711.0_0_3")
        'host.4711'
    """
    return holder.rpartition(".")[0]


@dataclass(frozen=True)
class Progress:
    """How far an experiment is.

    Attributes:
        n_iterations: how many were asked for; infinite if there is no limit.
        n_begun: how many of these have begun.
        open: suggestions that somebody has.
        observed: evaluations by what came of them: ``{"succeeded": 12, "failed": 1}``.
        is_finished: whether there will be no further suggestion, unless the experiment is extended.
    """

    n_iterations: float
    n_begun: int
    open: int
    observed: Mapping[str, int]
    is_finished: bool


class Ledger:
    """The fold of an experiment's log.

    Args:
        specification: of the experiment.

    Attributes:
        position: the number of the last record that was folded.
        suggestions: decide.
        lowest, highest: of the guiding metric so far, to be minimised.
    """

    def __init__(self, specification: Specification) -> None:
        self.specification = specification
        self.position = 0
        self._optimizer = specification.new_optimizer()
        self.suggestions = Suggestions(self._optimizer.new_planner())
        self.lowest, self.highest = math.inf, -math.inf
        self._n_iterations: float = 0
        self._began: float | None = None
        self._holders: set[str] = set()
        self._starts: deque[tuple[float, str]] = deque()
        self._counts = dict.fromkeys((state.value for state in OutcomeState), 0)

    def fold(self, records: Iterable[Record]) -> None:
        """Take note of records; those that are known already change nothing.

        Raises:
            LogError: a record cannot follow those before it; or what a user wrote raises.
        """
        for record in records:
            if record.number == self.position + 1:
                try:
                    self.suggestions.fold(record.events)
                    self.note(record.number, record.events)
                except Exception as error:
                    raise LogError(
                        f"record {record.number} of experiment {self.specification.name!r} cannot be folded "
                        f"({type(error).__name__}: {error}); its log is damaged, or is not of this optimizer"
                    ) from error

    def note(self, number: int, events: Iterable[Event]) -> None:
        """A record is kept, whose events the suggestions know already."""
        self.position = number
        for event in events:
            match event:
                case RunRequested():
                    self._n_iterations = math.inf if event.is_open_ended else event.n_iterations
                    self._began = event.at if self._began is None else self._began
                case StartJob():
                    self._holders.add(event.worker)
                    self._note_start(event.at, worker_of(event.worker))
                case EndJob():
                    self._note_end(event.report)

    def _note_start(self, at: float, worker: str) -> None:
        self._starts.append((at, worker))
        while self._starts[0][0] < at - RECENTLY:
            self._starts.popleft()

    def _note_end(self, report: JobReport) -> None:
        self._counts[report.outcome.state.value] += 1
        values = (report.result or {}).get("metrics")
        if values is not None:
            guide = self.specification.metrics.guide
            loss = guide.as_loss(values[guide.name])
            self.lowest, self.highest = min(self.lowest, loss), max(self.highest, loss)

    def check_open(self, holder: str) -> None:
        """Whether somebody has that suggestion still.

        Raises:
            SuggestionError: nobody has, or it is none of this experiment.
        """
        if holder in self.suggestions.holders:
            return
        if holder in self._holders:
            raise SuggestionError(
                f"suggestion {holder!r} is closed: it was observed, released or deleted, or its lease of "
                f"{self.specification.lease:g} seconds ended and it was offered again; nothing was recorded: go on "
                "with the next one"
            )
        raise SuggestionError(
            f"{holder!r} is no suggestion of experiment {self.specification.name!r}; suggestions() has those that are "
            "open"
        )

    def recent_workers(self, at: float) -> list[str]:
        """Who got a suggestion in the last moments before, once for each."""
        return [worker for start, worker in self._starts if start > at - RECENTLY]

    @property
    def n_iterations(self) -> float:
        return self._n_iterations

    @property
    def progress(self) -> Progress:
        observed = {state: count for state, count in self._counts.items() if count}
        planner = self.suggestions.planner
        return Progress(
            self._n_iterations,
            len(planner.iterations),
            len(self.suggestions.holders),
            observed,
            self.suggestions.is_finished,
        )

    def result(self) -> Result:
        """Everything evaluated so far."""
        config: dict[str, Any] = {**self._optimizer.config, "time_ref": self._began}
        return Result([iteration.data for iteration in self.suggestions.planner.iterations], config)
