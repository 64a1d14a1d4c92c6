"""A progress bar in the terminal: an observer of a run."""

from __future__ import annotations

import shutil
import sys
import threading
from collections import Counter
from typing import TextIO

from hpbandster_ng.engine.events import EndJob, Event, OpenIteration, RunRequested
from hpbandster_ng.engine.records import Job, Outcome, OutcomeState
from hpbandster_ng.engine.schedule import BudgetPlan, Plan
from hpbandster_ng.errors import MissingExtraError

try:
    from tqdm import tqdm
except ImportError as error:
    raise MissingExtraError("The progress bar", "tqdm", "progress") from error

__all__ = ["ProgressBar"]


_FORMAT = "{n_fmt}/{total_fmt} runs |{bar}| {elapsed}<{remaining}{postfix}"
"""The status is long; figures that follow from the others would leave no room for the bar."""


class _Bar(tqdm):  # type: ignore[misc] # tqdm ships no types
    """A tqdm that starts neither a thread nor a process of its own, and so leaves none behind."""

    monitor_interval = 0
    _lock = threading.RLock()


class ProgressBar:
    """Shows how far a run is: runs done, iterations begun, the incumbent's loss, failed runs.

    An observer sees what happens and not what is planned; :meth:`expect` tells it, so that it can show what is left.
    The incumbent's loss is that of the best run on the largest budget that any run has succeeded on so far.

    Args:
        show: whether to draw; by default only if ``file`` is a terminal.
        file: where to draw; standard error by default.

    Example:
        >>> progress = ProgressBar()
        >>> # bohb = BOHB(..., observers=[progress])
        >>> # progress.expect(bohb.plan(n_iterations=4))
        >>> progress(RunRequested(at=0.0, n_iterations=4))
        >>> progress.status
        'iteration 0/4'
        >>> progress.close()
    """

    def __init__(self, show: bool | None = None, file: TextIO | None = None) -> None:
        self.show = show
        self.file = file
        self.runs_planned = 0
        self.runs_done = 0
        self.failures: Counter[OutcomeState] = Counter()
        self.iterations_requested = 0
        self.iterations_begun = 0
        self.is_open_ended = False
        self.incumbent: tuple[float, float] | None = None
        self._bar: _Bar | None = None

    def expect(self, plan: Plan | BudgetPlan) -> None:
        """Add what a run is going to execute to the total of the bar."""
        self.runs_planned += plan.num_runs or 0
        if self._bar is not None:
            self._bar.total = self.runs_planned
            self._draw()

    def __call__(self, event: Event) -> None:
        """Take in one entry of the run's log."""
        match event:
            case RunRequested():
                self.iterations_requested += event.n_iterations
                self.is_open_ended = event.is_open_ended
            case OpenIteration():
                self.iterations_begun += 1
            case EndJob():
                self._end(event.report.job, event.report.outcome)
            case _:
                return
        self._draw()

    def close(self) -> None:
        """Draw the bar for the last time and end its line; an event after that opens a new one."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    @property
    def status(self) -> str:
        """What stands beside the bar."""
        of = "" if self.is_open_ended else f"/{self.iterations_requested}"
        parts = [f"iteration {self.iterations_begun}{of}"]
        if self.incumbent is not None:
            budget, loss = self.incumbent
            parts.append(f"incumbent {loss:.4g} on budget {budget:g}")
        parts += [f"{count} {state.value}" for state, count in self.failures.items()]
        return ", ".join(parts)

    def _end(self, job: Job, outcome: Outcome) -> None:
        if outcome.state is OutcomeState.CANCELLED:
            return
        self.runs_done += 1
        if outcome.result is None:
            self.failures[outcome.state] += 1
        else:
            self._challenge(job.budget, outcome.result["loss"])

    def _challenge(self, budget: float, loss: float) -> None:
        if self.incumbent is None or (budget, -loss) > (self.incumbent[0], -self.incumbent[1]):
            self.incumbent = (budget, loss)

    def _draw(self) -> None:
        if self._bar is None:
            self._bar = self._new_bar()
        self._bar.set_postfix_str(self.status, refresh=False)
        self._bar.update(self.runs_done - self._bar.n)

    def _new_bar(self) -> _Bar:
        terminal = shutil.get_terminal_size()  # tqdm itself draws nothing on a terminal that does not know its size
        return _Bar(
            total=self.runs_planned or None,
            disable=None if self.show is None else not self.show,
            file=self.file or sys.stderr,
            ncols=terminal.columns - 1,
            nrows=terminal.lines,
            bar_format=_FORMAT,
        )
