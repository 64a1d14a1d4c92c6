"""The progress bar says what the log says."""

from __future__ import annotations

import io
import threading

import pytest

pytest.importorskip("tqdm", reason="the progress bar is drawn by the extra tqdm")

from hpbandster_ng.engine.events import EndJob, Event, OpenIteration, RunRequested, WorkerJoined
from hpbandster_ng.engine.records import Job, JobReport, Outcome, OutcomeState
from hpbandster_ng.engine.schedule import Plan, hyperband_brackets
from hpbandster_ng.interfaces.progress import ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def end(index: int, budget: float, loss: float | None, state: OutcomeState = OutcomeState.SUCCEEDED) -> EndJob:
    result = None if loss is None else {"loss": loss, "info": None}
    job = Job((0, 0, index), budget, {"x": 0.5}, {})
    return EndJob(2.0, JobReport(job, Outcome(state, result), "worker", 0.0, 1.0, 2.0))


FAILURES = [OutcomeState.TIMED_OUT, OutcomeState.INVALID, OutcomeState.TIMED_OUT, OutcomeState.FAILED]
BEGIN: list[Event] = [RunRequested(0.0, n_iterations=2), WorkerJoined(0.0, "worker"), OpenIteration(0.0, 0)]


@pytest.mark.parametrize(
    ("events", "runs_done", "status"),
    [
        ([], 0, "iteration 0/0"),
        (BEGIN, 0, "iteration 1/2"),
        ([*BEGIN, OpenIteration(1.0, 1)], 0, "iteration 2/2"),
        ([*BEGIN, end(0, 1, 0.5), end(1, 1, 0.25)], 2, "iteration 1/2, incumbent 0.25 on budget 1"),
        ([*BEGIN, end(0, 1, 0.25), end(1, 1, 0.5)], 2, "iteration 1/2, incumbent 0.25 on budget 1"),
        ([*BEGIN, end(0, 1, 0.25), end(1, 3, 0.5)], 2, "iteration 1/2, incumbent 0.5 on budget 3"),
        ([*BEGIN, end(1, 3, 0.5), end(0, 1, 0.25)], 2, "iteration 1/2, incumbent 0.5 on budget 3"),
        ([*BEGIN, end(0, 1, None, OutcomeState.FAILED)], 1, "iteration 1/2, 1 failed"),
        ([*BEGIN, end(0, 1, None, OutcomeState.LOST)], 1, "iteration 1/2, 1 lost"),
        (
            [*BEGIN, *(end(i, 1, None, state) for i, state in enumerate(FAILURES))],
            4,
            "iteration 1/2, 2 timed out, 1 invalid return, 1 failed",
        ),
        ([*BEGIN, end(0, 1, None, OutcomeState.CANCELLED)], 0, "iteration 1/2"),
        ([*BEGIN, RunRequested(9.0, n_iterations=3, call=2)], 0, "iteration 1/5"),
        ([RunRequested(0.0, 0, is_open_ended=True), OpenIteration(0.0, 0)], 0, "iteration 1"),
    ],
)
def test_the_status_sums_up_the_log(events: list[Event], runs_done: int, status: str) -> None:
    progress = ProgressBar(show=False)
    for event in events:
        progress(event)
    assert (progress.runs_done, progress.status) == (runs_done, status)
    progress.close()


def drawn(file: io.StringIO, show: bool | None, *, with_plan: bool = True) -> str:
    progress = ProgressBar(show=show, file=file)
    if with_plan:
        progress.expect(Plan(hyperband_brackets(1, 3)))
    for event in [*BEGIN, end(0, 1, 0.5), end(1, 1, 0.25)]:
        progress(event)
    progress.close()
    return file.getvalue()


@pytest.mark.parametrize(
    ("file", "show", "is_drawn"),
    [
        (Terminal(), None, True),
        (Terminal(), False, False),
        (io.StringIO(), None, False),
        (io.StringIO(), True, True),
    ],
)
def test_it_draws_on_a_terminal_or_when_asked_to(file: io.StringIO, show: bool | None, is_drawn: bool) -> None:
    assert bool(drawn(file, show)) is is_drawn


def test_the_last_picture_is_complete() -> None:
    last = drawn(Terminal(), show=None).rstrip("\n").split("\r")[-1]
    assert last.startswith("2/6 runs |")  # 3 + 1 + 2 are planned
    assert "##" in last
    assert "iteration 1/2, incumbent 0.25 on budget 1" in last


def test_it_draws_on_a_terminal_that_does_not_know_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "LINES"):
        monkeypatch.setenv(name, "0")
    assert "iteration 1/2, incumbent 0.25 on budget 1" in drawn(Terminal(), show=None)


def test_it_fits_into_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = drawn(Terminal(), show=None).rstrip("\n").split("\r")
    assert max(map(len, lines)) == 79
    assert any("##" in line for line in lines)


def test_it_counts_without_a_plan() -> None:
    assert "2/? runs |" in drawn(Terminal(), show=None, with_plan=False)


def test_a_plan_may_grow_while_the_bar_is_there() -> None:
    file = Terminal()
    progress = ProgressBar(file=file)
    for count in (1, 2):
        progress.expect(Plan(hyperband_brackets(1, 3)))
        progress(end(count, 1, 0.5))
    progress.close()
    assert "2/12 runs" in file.getvalue()


def test_no_thread_is_left_behind() -> None:
    before = set(threading.enumerate())
    drawn(Terminal(), show=True)
    assert set(threading.enumerate()) == before


def test_it_is_closed_twice_and_unused_without_complaint() -> None:
    progress = ProgressBar(show=True, file=io.StringIO())
    progress.close()
    progress.close()
