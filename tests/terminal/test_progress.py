"""The progress bar says what the log says: live on a terminal, a line a minute in a file, nothing in a pipe."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import pty
import re
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import ConfigSpace
import pytest
from rich.console import Console

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.engine.events import EndJob, Event, OpenIteration, QueueJob, RunRequested, StartJob, WorkerJoined
from hpbandster_ng.engine.records import Job, JobReport, Outcome, OutcomeState
from hpbandster_ng.optimizers import HyperBand
from hpbandster_ng.terminal import progress as module
from hpbandster_ng.terminal.progress import ProgressBar
from tests.waiting import wait_until

SCRIPT = Path(__file__).with_name("run_in_terminal.py")
PLANNED = {"planned_runs": 6, "planned_budget": 12.0}  # two brackets on budgets of 1 and 3
BEGIN: list[Event] = [
    RunRequested(0.0, n_iterations=2, **PLANNED),
    WorkerJoined(0.0, "worker"),
    OpenIteration(0.0, 0),
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def job(index: int, budget: float) -> Job:
    return Job((0, 0, index), budget, {"x": 0.5}, {})


def end(index: int, budget: float, loss: float | None, state: OutcomeState = OutcomeState.SUCCEEDED) -> EndJob:
    result = None if loss is None else {"loss": loss, "info": None}
    return EndJob(2.0, JobReport(job(index, budget), Outcome(state, result), "worker", 0.0, 1.0, 2.0))


def start(index: int, budget: float) -> list[Event]:
    return [QueueJob(1.0, job(index, budget)), StartJob(1.0, (0, 0, index), budget, 1, "worker")]


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([], "0 runs, iteration 0/0"),
        (BEGIN, "0/6 runs, iteration 1/2, 0/1 workers busy"),
        ([*BEGIN, *start(0, 1)], "0/6 runs, iteration 1/2, rungs 1@1, 1/1 workers busy"),
        ([*BEGIN, *start(0, 1), end(0, 1, 0.5)], "1/6 runs, iteration 1/2, 0/1 workers busy, best 0.5 on 1"),
        ([*BEGIN, end(0, 1, 0.25), end(1, 1, 0.5)], "2/6 runs, iteration 1/2, 0/1 workers busy, best 0.25 on 1"),
        ([*BEGIN, end(0, 1, 0.25), end(1, 3, 0.5)], "2/6 runs, iteration 1/2, 0/1 workers busy, best 0.5 on 3"),
        ([*BEGIN, end(1, 3, 0.5), end(0, 1, 0.25)], "2/6 runs, iteration 1/2, 0/1 workers busy, best 0.5 on 3"),
        ([*BEGIN, end(0, 1, None, OutcomeState.LOST)], "1/6 runs, iteration 1/2, 1 failed, 0/1 workers busy"),
        ([*BEGIN, end(0, 1, None, OutcomeState.CANCELLED)], "0/6 runs, iteration 1/2, 0/1 workers busy"),
        ([*BEGIN, RunRequested(9.0, n_iterations=2, call=2, **PLANNED)], "0/12 runs, iteration 1/3, 0/1 workers busy"),
        ([RunRequested(0.0, 0, is_open_ended=True), OpenIteration(0.0, 0)], "0 runs, iteration 1"),
        (
            [*BEGIN, *(event for i, budget in enumerate((9, 1, 3, 3)) for event in start(i, budget))],
            "0/6 runs, iteration 1/2, rungs 1@1 2@3 1@9, 4/1 workers busy",
        ),
        (
            [*BEGIN, *(event for i in range(6) for event in start(i, 3**i))],
            "0/6 runs, iteration 1/2, rungs 1@1 1@3 1@9 … 1@243, 6/1 workers busy",
        ),
        (  # one of six is done in a second, by one worker; so are the others, of 12 - 1 in budget, and one began then
            [*BEGIN, *start(0, 1), end(0, 1, 0.5), *start(1, 1)],
            "1/6 runs, iteration 1/2, rungs 1@1, 1/1 workers busy, best 0.5 on 1, 10 s left",
        ),
        (
            [RunRequested(0.0, 0, deadline=100.0, is_open_ended=True), *start(1, 1)],
            "0 runs, iteration 0, rungs 1@1, 1 running, 1 min 38 s left",
        ),
    ],
)
def test_the_status_sums_up_the_log(events: list[Event], status: str) -> None:
    progress = ProgressBar(file=io.StringIO(), clock=lambda: 2.0)
    for event in events:
        progress(event)
    assert progress.status == status
    progress.close()


def test_what_happened_before_counts_and_is_not_drawn() -> None:
    file = Terminal()
    progress = ProgressBar(file)
    progress.replay([*BEGIN, end(0, 1, 0.5)])
    assert not file.getvalue()
    assert progress.status.startswith("1/6 runs, iteration 1/2")


def drawn(file: io.StringIO) -> str:
    progress = ProgressBar(file)
    for event in [*BEGIN, end(0, 1, 0.5), end(1, 1, 0.25)]:
        progress(event)
    progress.close()
    return file.getvalue()


def test_the_last_picture_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    last = drawn(Terminal()).rstrip("\n").split("\r")[-1]
    assert "2/6 runs" in last
    assert "━━" in last
    assert "iteration 1/2, 0/1 workers busy, best 0.25 on 1" in last


def test_what_does_not_fit_is_left_out_as_a_whole() -> None:
    progress = ProgressBar(clock=lambda: 2.0)
    progress.replay([*BEGIN, *start(0, 1), end(0, 1, 0.0125), *start(1, 1)])
    every = ["1/6 runs", "iteration 1/2", "rungs 1@1", "1/1 workers busy", "best 0.0125 on 1", "10 s left"]
    for width in range(20, 100):
        console = Console(file=io.StringIO(), width=width, color_system=None)
        with console.capture() as captured:
            console.print(progress)
        (line,) = captured.get().splitlines()
        assert len(line) <= width
        parts = re.sub("[━╸╺]+ *", "", line).replace("runs iteration", "runs, iteration").split(", ")
        assert parts[0] == every[0]
        assert parts[1:] == every[len(every) - len(parts) + 1 :]


def test_of_two_the_first_is_drawn() -> None:
    file = Terminal()
    first, second = ProgressBar(Terminal()), ProgressBar(file)
    first(BEGIN[0])
    second(BEGIN[0])
    first.close()
    second.close()
    assert not file.getvalue()


def test_no_thread_is_left_behind() -> None:
    before = set(threading.enumerate())
    drawn(Terminal())
    assert set(threading.enumerate()) == before


def test_it_is_closed_twice_and_unused_without_complaint() -> None:
    progress = ProgressBar(io.StringIO())
    progress.close()
    progress.close()


def closed() -> io.StringIO:
    file = io.StringIO()
    file.close()
    return file


@pytest.mark.parametrize("stream", [None, closed(), object()], ids=["none", "closed", "odd"])
def test_without_a_stream_it_is_quiet(stream: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    progress = ProgressBar()
    for event in [*BEGIN, end(0, 1, 0.5)]:
        progress(event)
    progress.close()


def test_a_program_without_standard_output_may_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert "2/6 runs" in drawn(Terminal())


def test_a_stream_that_is_closed_meanwhile_harms_nobody() -> None:
    file = Terminal()
    progress = ProgressBar(file)
    progress(BEGIN[0])
    file.close()
    progress.close()


def test_what_is_logged_to_the_terminal_appears_above_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, elsewhere = Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    handlers = [logging.StreamHandler(terminal), logging.StreamHandler(elsewhere)]
    logger = logging.getLogger("hpbandster_ng.of_a_test")
    for handler in handlers:
        logger.addHandler(handler)
    progress = ProgressBar()
    progress(BEGIN[0])
    wait_until(lambda: "iteration" in terminal.getvalue(), "the line is drawn")
    logger.warning("a line of the log")
    progress.close()
    for handler in handlers:
        logger.removeHandler(handler)
    assert "\x1b[2Ka line of the log\n" in terminal.getvalue()  # the bar is gone when it is written
    assert elsewhere.getvalue() == "a line of the log\n"
    assert handlers[0].stream is terminal


def test_the_line_ends_with_the_call_of_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    calls = iter(range(3))

    def interrupted(config: dict[str, float], **_: object) -> dict[str, object]:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return {"loss": config["x"], "info": {}}

    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
    backend = InProcessBackend(interrupted, str(tmp_path))
    with HyperBand(space, min_budget=1, max_budget=9, backend=backend, seed=1) as optimizer:
        with pytest.raises(KeyboardInterrupt):
            optimizer.run(1)
        told = terminal.getvalue()
        assert "2/13 runs" in told
        assert told.endswith("\n")
        assert "hpbandster-progress" not in {thread.name for thread in threading.enumerate()}
    assert terminal.getvalue() == told  # what is cancelled opens no new line


def test_a_file_gets_a_line_a_minute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = 0.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    with (tmp_path / "log").open("w+") as file:
        progress = ProgressBar(file)
        for now in (0.0, 59.0, 61.0, 100.0, 130.0):  # the clock
            progress(OpenIteration(now, 0))
        progress.close()
        file.seek(0)
        lines = file.read().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [f"0 runs, iteration {n}/0" for n in (3, 5, 5)]


def test_a_short_run_leaves_nothing_in_a_file(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w+") as file:
        progress = ProgressBar(file)
        progress(BEGIN[0])
        progress.close()
        assert file.tell() == 0


def run(tmp_path: Path, *arguments: str, stderr: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(SCRIPT), *arguments]
    environment = os.environ | {"COLUMNS": "100", "TERM": "xterm"}
    return subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=stderr, stderr=stderr)


@pytest.mark.e2e
def test_every_run_has_one_on_a_terminal_and_what_is_printed_stands_above_it(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100)) if hasattr(termios, "tcsetwinsize") else None
    process = run(tmp_path, stderr=theirs)
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while part := os.read(ours, 65536):
            seen += part
    os.close(ours)
    assert process.wait(60) == 0
    text = seen.decode()
    assert "13/13 runs" in text
    assert "iteration 1/1, 0/1 workers busy, best" in text
    assert "\x1b[2Kcomputes\r\n" in text  # the bar is gone when it is printed
    assert "a child prints\r\n" in text
    assert "\x1b[?25l" not in text  # no cursor is hidden


@pytest.mark.e2e
def test_nothing_is_shown_in_a_pipe_or_if_it_is_not_wanted(tmp_path: Path) -> None:
    process = run(tmp_path, stderr=subprocess.PIPE)
    assert process.communicate(timeout=60)[1] == b""
    ours, theirs = pty.openpty()
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen([sys.executable, str(SCRIPT), "quiet"], cwd=tmp_path, stdout=out, stderr=theirs)
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):
        while part := os.read(ours, 65536):
            seen += part
    os.close(ours)
    assert process.wait(60) == 0
    assert seen == b""


def test_time_goes_on_while_nothing_happens() -> None:
    file = Terminal()
    progress = ProgressBar(file, clock=time.time)
    progress(RunRequested(time.time(), 0, deadline=time.time() + 3_600, is_open_ended=True))
    for event in start(0, 1):
        progress(event)
    deadline = time.monotonic() + 30
    while file.getvalue().count("59 min") < 2:  # no event comes
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
    progress.close()
