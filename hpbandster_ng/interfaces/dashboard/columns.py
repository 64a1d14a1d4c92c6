"""Runs, and attempts at them, as columns of numbers: 100,000 of them are small, and quick to look through."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hpbandster_ng.engine.records import OutcomeState

__all__ = ["STATES", "Attempts", "RunColumns", "Runs", "State"]

Numbers = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Truth = npt.NDArray[np.bool_]


class State:
    """What a run, or an attempt at one, has come to, as a number: its place in :data:`STATES`."""

    QUEUED = 0
    RUNNING = 1
    SUCCEEDED = 2
    FAILED = 3
    INVALID = 4
    TIMED_OUT = 5
    LOST = 6
    CANCELLED = 7
    HANDED_BACK = 8
    """Of an attempt: its worker left by itself."""
    INTERRUPTED = 9
    """Of an attempt: its master ended."""

    @staticmethod
    def of(outcome: OutcomeState) -> int:
        return STATES.index(outcome.value)


STATES = (
    "queued",
    "running",
    *(
        state.value
        for state in (
            OutcomeState.SUCCEEDED,
            OutcomeState.FAILED,
            OutcomeState.INVALID,
            OutcomeState.TIMED_OUT,
            OutcomeState.LOST,
            OutcomeState.CANCELLED,
        )
    ),
    "handed back",
    "interrupted",
)


@dataclass(frozen=True)
class RunColumns:
    """The runs as they are now, a column a fact, all of the shape (runs,).

    Attributes:
        config: the number of the configuration.
        budget, loss: the loss is NaN where there is none.
        state: see :class:`State`.
        submitted, started, finished: unix seconds; NaN where it has not happened.
    """

    config: Whole
    budget: Numbers
    loss: Numbers
    state: Whole
    submitted: Numbers
    started: Numbers
    finished: Numbers

    @property
    def is_success(self) -> Truth:
        return np.equal(self.state, State.SUCCEEDED)

    @property
    def is_fault(self) -> Truth:
        """Whether it ended without a loss, and was not cancelled."""
        return np.logical_and(self.state >= State.FAILED, self.state <= State.LOST)

    @property
    def has_ended(self) -> Truth:
        return self.is_success | self.is_fault


class Runs:
    """The runs by number, in the order in which they were queued."""

    def __init__(self) -> None:
        self.config = array("q")
        self.budget = array("d")
        self.loss = array("d")
        self.state = array("b")
        self.submitted = array("d")
        self.started = array("d")
        self.finished = array("d")
        self.last_attempt = array("q")

    def __len__(self) -> int:
        return len(self.config)

    def add(self, config: int, budget: float, submitted: float) -> int:
        """A run is queued; returns its number."""
        self.config.append(config)
        self.budget.append(budget)
        self.loss.append(math.nan)
        self.state.append(State.QUEUED)
        self.submitted.append(submitted)
        self.started.append(math.nan)
        self.finished.append(math.nan)
        self.last_attempt.append(-1)
        return len(self.config) - 1

    def columns(self) -> RunColumns:
        """A copy, which does not change any more."""
        return RunColumns(
            np.array(self.config, np.int64),
            np.array(self.budget, np.float64),
            np.array(self.loss, np.float64),
            np.array(self.state, np.int64),
            np.array(self.submitted, np.float64),
            np.array(self.started, np.float64),
            np.array(self.finished, np.float64),
        )


class Attempts:
    """The attempts by number, in the order in which they began: which worker had which run, from when to when."""

    def __init__(self) -> None:
        self.worker = array("q")
        self.run = array("q")
        self.began = array("d")
        self.ended = array("d")
        self.state = array("b")
        self.number = array("q")

    def __len__(self) -> int:
        return len(self.run)

    def add(self, worker: int, run: int, began: float, number: int) -> int:
        """An attempt begins; returns its number among all."""
        self.worker.append(worker)
        self.run.append(run)
        self.began.append(began)
        self.ended.append(math.nan)
        self.state.append(State.RUNNING)
        self.number.append(number)
        return len(self.run) - 1

    def end(self, attempt: int, at: float, state: int) -> None:
        self.ended[attempt], self.state[attempt] = at, state
