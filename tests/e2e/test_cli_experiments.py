"""Experiments by the command line, in real processes on a real SQLite file."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.experiments import Experiment
from hpbandster_ng.interfaces.cli.main import main
from tests.waiting import LIMIT, wait_until, wait_until_gone

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

FILE = """
name: {name}
parameters: [{{name: x, type: double, min: 0, max: 1}}]
metrics: [{{name: accuracy, objective: maximize}}]
optimizer: {optimizer}
min_budget: 1
max_budget: 9
n_iterations: {n_iterations}
lease: {lease}
seed: 1
"""
TRAIN = """
import json, os
x, budget = float(os.environ["HPBANDSTER_PARAM_X"]), float(os.environ["HPBANDSTER_BUDGET"])
with open(os.environ["HPBANDSTER_OUTPUT"], "w") as file:
    json.dump({"accuracy": 1 - (x - 0.3) ** 2 - 0.1 / budget, "info": {"pid": os.getppid()}}, file)
"""
HOLD = """
import os, pathlib, time
print("computing in", os.getpid(), flush=True)
while not pathlib.Path("go").exists():
    time.sleep(0.02)
""" + TRAIN  # fmt: skip
FINISHED = "Ended: experiment {} is finished.\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current directory, with the user's scripts, and the storage."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "hold.py").write_text(HOLD)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HPBANDSTER_STORAGE", f"sqlite:///{tmp_path}/e.db")
    monkeypatch.setenv("CLI_WORKERS", str(folder))
    return folder


@pytest.fixture
def run(spawn):
    """A command, to its end; its output."""

    def run(*arguments, code=0):
        process = spawn("-m", "hpbandster_ng", *arguments)
        assert process.end() == code, process.output
        return process.output

    return run


@pytest.fixture
def create(folder):
    def create(name="first", optimizer="HyperBand", n_iterations=1, lease=60):
        (folder / "e.yml").write_text(
            FILE.format(name=name, optimizer=optimizer, n_iterations=n_iterations, lease=lease)
        )
        answer = CliRunner().invoke(main, ["create", "e.yml"])
        assert answer.exit_code == 0, answer.output
        return answer.stdout.strip()

    return create


@pytest.fixture
def start(spawn):
    def start(*arguments):
        return spawn("-m", "hpbandster_ng", *arguments)

    return start


def opened(identity):
    return Experiment.open(os.environ["HPBANDSTER_STORAGE"], identity)


def pids_at_work(*processes):
    def found():
        lines = [line for process in processes for line in process.output.splitlines()]
        return [int(line.split()[2]) for line in lines if line.startswith("computing in ")]

    wait_until(lambda: len(found()) >= len(processes), [process.output for process in processes])
    return found()


def test_a_whole_session(create, start, run):
    create(n_iterations=2)
    run("delete", "first", "--yes")
    identity = run("create", "e.yml").strip()
    workers = [start("start-worker", identity, "--", sys.executable, "train.py") for _ in range(2)]
    assert [(worker.end(), worker.output) for worker in workers] == [(0, FINISHED.format(identity))] * 2
    status = json.loads(run("status", identity, "--json"))
    assert status["progress"] | {"n_begun": 2} == {
        "n_iterations": 2, "n_begun": 2, "open": 0, "observed": {"succeeded": 17}, "is_finished": True,
    }  # fmt: skip
    assert abs(status["best"]["config"]["x"] - 0.3) < 0.3
    rows = [*csv.DictReader(io.StringIO(run("export", identity)))]
    assert len(rows) == 17
    assert len({json.loads(row["metadata"])["worker"] for row in rows}) == 2
    assert status["best"]["metrics"]["accuracy"] == max(
        float(row["metric.accuracy"]) for row in rows if row["budget"] == "9.0"
    )
    assert len([*Path(identity).glob("config_*_*_*/budget_*/output.1.json")]) == 17


def test_an_extended_experiment_goes_on(create, run):
    identity = create(optimizer="RandomSearch")
    command = ["start-worker", identity, "--working-directory", "runs", "--", sys.executable, "train.py"]
    run(*command)
    run("extend", identity, "--n-iterations", "2")
    with opened(identity) as experiment:
        before = sum(experiment.progress.observed.values())
        assert run(*command) == FINISHED.format(identity)
        assert sum(experiment.progress.observed.values()) > before
    assert Path("runs", identity).is_dir()


@pytest.mark.parametrize(
    ("number", "workers"), [(signal.SIGTERM, 1), (signal.SIGUSR1, 2), (signal.SIGINT, 1), (signal.SIGINT, 2)]
)
def test_a_signal_kills_the_command_and_gives_the_suggestion_back(create, start, run, folder, number, workers):
    identity = create()
    worker = start("start-worker", identity, "--workers", workers, "--", sys.executable, "hold.py")
    wait_until(lambda: worker.output.count("computing in ") == workers, "they compute")
    pids = [int(line.split()[2]) for line in worker.output.splitlines()]
    worker.popen.send_signal(number)
    assert worker.end() == (130 if number == signal.SIGINT else 0)
    assert "Traceback" not in worker.output
    assert worker.output.count(f"was ended by {number.name}") == (0 if number == signal.SIGINT else workers)
    wait_until_gone(pids)
    with opened(identity) as experiment:
        progress = experiment.progress
        assert (progress.open, progress.observed) == (0, {})
        assert experiment.suggest().attempt == 2


def test_what_a_killed_worker_had_is_evaluated_by_another_one(create, start, folder):
    identity = create(lease=1)
    killed = start("start-worker", identity, "--", sys.executable, "hold.py")
    pids = pids_at_work(killed)
    killed.popen.kill()
    wait_until_gone(pids)
    (folder / "go").touch()
    other = start("start-worker", identity, "--", sys.executable, "hold.py")
    assert other.end() == 0, other.output
    with opened(identity) as experiment:
        assert experiment.progress.observed == {"succeeded": 13}
    assert [path.parent.parent.name for path in Path(identity).rglob("output.2.json")] == ["config_0_0_0"]


def test_who_finds_its_suggestion_gone_goes_on_with_the_next(create, start, folder):
    identity = create()
    worker = start("start-worker", identity, "--", sys.executable, "hold.py")
    pids_at_work(worker)
    with opened(identity) as experiment:
        (suggestion,) = experiment.suggestions()
        experiment.observe(suggestion, metrics={"accuracy": 0.5})
        (folder / "go").touch()
        assert worker.end() == 0
        assert worker.output.count(" is closed: ") == 1
        assert experiment.progress.observed == {"succeeded": 13}


def test_a_command_that_fails_is_a_failure_with_its_last_words(create, run):
    identity = create(optimizer="RandomSearch")
    output = run("start-worker", identity, "--", sys.executable, "-c", "raise SystemExit('diverged')")
    assert output.count("diverged") >= 1
    with opened(identity) as experiment:
        runs = experiment.result().get_all_runs()
    assert {run.outcome for run in runs} == {OutcomeState.FAILED}
    assert {run.error_logs for run in runs} == {"diverged\nthe command ended with exit code 1"}


def test_a_time_limit_of_the_optimizer_is_kept(create, run):
    identity = create(optimizer="{name: RandomSearch, job_timeout: 0.3, max_attempts: 1}")
    (Path("fast.sh")).write_text('test "$HPBANDSTER_CONFIG_ID" = 0_0_0 && sleep 1000\nexit 1\n')
    run("start-worker", identity, "--", "/bin/sh", "fast.sh")
    with opened(identity) as experiment:
        assert experiment.result().get_runs_by_id((0, 0, 0))[0].outcome is OutcomeState.TIMED_OUT


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["first", "--", "no-such-program"],
            2,
            "Error: there is no program 'no-such-program' here; write: start-worker ",
        ),
        (["first"], 2, "Error: Missing argument '-- COMMAND...'."),
        (
            ["firzt", "--workers", 2, "--", "true"],
            1,
            "Error: there is no experiment 'firzt' here; did you mean 'first'?",
        ),
    ],
)
def test_what_is_wrong_is_found_out_before_anything_starts(create, run, arguments, code, message):
    create()
    assert run("start-worker", *arguments, code=code).splitlines()[-1].startswith(message)


def test_a_worker_ends_when_it_is_idle(create, start, run):
    identity = create()
    with opened(identity) as experiment:
        for _ in range(9):
            experiment.suggest()
        assert run("start-worker", identity, "--max-idle", 0, "--", "true") == (
            "Ended: there was nothing to evaluate for 0 seconds.\n"
        )
    assert run("worker", "tests.e2e.cli_workers:Quadratic", "--max-idle", 0).endswith(" for 0 seconds.\n")


@pytest.mark.parametrize("option", ["--max-idle", "--poll-interval"])
def test_seconds_must_be_numbers(create, run, option):
    create()
    output = run("worker", "tests.e2e.cli_workers:Quadratic", option, "nan", code=1)
    assert output.startswith(f"Error: {option[2:].replace('-', '_')}=nan must be a ")
    assert len(output.splitlines()) == 1


def test_an_experiment_that_is_deleted_under_a_worker_does_not_end_it(create, start, folder):
    first = create()
    worker = start("worker", "tests.e2e.cli_workers:Holding", "--max-idle", 1)
    pids_at_work(worker)
    with opened(first) as experiment:
        experiment.delete()
    second = create("second")
    (folder / "go").touch()
    assert worker.end() == 0
    assert worker.output.count("experiment first was deleted") == 1
    with opened(second) as experiment:
        assert experiment.progress.is_finished


@pytest.mark.parametrize("options", [(), ("--isolate",), ("--workers", 2)])
def test_a_class_serves_all_experiments_of_a_database(create, run, options):
    identities = [create("first"), create("second")]
    output = run("worker", "tests.e2e.cli_workers:Quadratic", *options, "--max-idle", 1, "--poll-interval", 0.05)
    assert output == "Ended: there was nothing to evaluate for 1 seconds.\n" * (2 if "--workers" in options else 1)
    starts = {}
    for identity in identities:
        with opened(identity) as experiment:
            assert experiment.progress.observed == {"succeeded": 13}
            runs = experiment.result().get_all_runs()
            starts[identity] = sorted(
                run.time_stamps["started"] + experiment.result().HB_config["time_ref"] for run in runs
            )
            assert {run.info["id"].split(".")[1] for run in runs} == {f"run_{identity}"}
    first, second = starts.values()
    assert first[1] < second[-2]
    assert second[1] < first[-2]  # in turn, not one after the other
    assert not [*Path().rglob("config_*")]  # nothing was written there


def test_a_class_serves_one_experiment(create, run):
    identity, other = create("first"), create("second")
    output = run("worker", "tests.e2e.cli_workers:Quadratic", "--experiment", "first")
    assert output == FINISHED.format("first")
    for each, observed in ((identity, {"succeeded": 13}), (other, {})):
        with opened(each) as experiment:
            assert experiment.progress.observed == observed


def test_a_class_finds_an_experiment_that_is_made_later(create, start):
    worker = start("worker", "tests.e2e.cli_workers:Quadratic", "--max-idle", LIMIT)
    with opened(create()) as experiment:
        wait_until(lambda: experiment.progress.is_finished, "the experiment is finished")
        experiment.delete()
    with opened(create("second")) as experiment:
        wait_until(lambda: experiment.progress.is_finished, "the second is finished")
    worker.popen.terminate()
    assert worker.end() == 0
    assert "Traceback" not in worker.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("options", [(), ("--isolate",)])
def test_a_signal_ends_a_class_at_work(create, start, folder, number, options):
    """A job in the worker's own process may end after SIGTERM; in a child, or after Ctrl-C, it is given back."""
    identity = create()
    worker = start("worker", "tests.e2e.cli_workers:Holding", *options)
    (pid,) = pids_at_work(worker)
    may_finish = number == signal.SIGTERM and not options
    worker.popen.send_signal(number)
    if may_finish:
        (folder / "go").touch()
    assert worker.end() == (130 if number == signal.SIGINT else 0)
    assert "Traceback" not in worker.output
    wait_until_gone([pid])
    with opened(identity) as experiment:
        progress = experiment.progress
        assert (progress.open, progress.observed) == (0, {"succeeded": 1} if may_finish else {})


def test_workers_end_when_the_process_that_started_them_is_killed(create, start):
    worker = start("start-worker", create(), "--workers", 2, "--", sys.executable, "hold.py")
    wait_until(lambda: worker.output.count("computing in ") == 2, "they compute")
    family = [child.pid for child in psutil.Process(worker.popen.pid).children(recursive=True)]
    assert len(family) >= 4
    worker.popen.kill()
    wait_until_gone(family)


def test_a_password_of_the_environment_is_in_no_command_line(create, start):
    worker = start("start-worker", create(), "--workers", 2, "--", sys.executable, "hold.py")
    wait_until(lambda: worker.output.count("computing in ") == 2, "they compute")
    lines = [" ".join(child.cmdline()) for child in psutil.Process(worker.popen.pid).children(recursive=True)]
    assert len([line for line in lines if "start-worker" in line]) >= 2
    assert not [line for line in lines if "e.db" in line]
    worker.popen.terminate()
    worker.end()


def in_a_terminal(columns, *arguments):
    """What a command shows in a terminal of so many columns."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "xterm"}
    command = [sys.executable, "-m", "hpbandster_ng", *map(str, arguments)]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL, env=environment) as process:
        os.close(theirs)
        chunks = []
        try:
            while chunk := os.read(ours, 65536):
                chunks.append(chunk)
        except OSError:  # the other end is closed
            pass
        os.close(ours)
        process.wait(LIMIT)
    return re.sub(r"\x1b\[[0-9;]*m", "", b"".join(chunks).decode()).splitlines()


def test_what_is_shown_fits_a_terminal_and_nothing_is_cut_off(create):
    identity = create("a name that has a certain length " * 4)
    with opened(identity) as experiment:
        suggestion = experiment.suggest("a.worker.with.a.name.that.is.long.too")
        for arguments in (["list"], ["status", identity], ["suggestions", identity], ["status", "missing" * 20]):
            lines = in_a_terminal(60, *arguments)
            assert lines
            assert max(map(len, lines)) <= 60
        head, *lines = in_a_terminal(60, "suggestions", identity)
        assert "".join(line[: head.index("conf")].strip() for line in lines) == suggestion.id


PAGE = Path(__file__).parents[2] / "docs" / "experiments.md"
EXAMPLE = PAGE.parents[1] / "examples" / "experiment"


def test_the_page_of_the_documentation_does_what_it_says(folder):
    page = PAGE.read_text(encoding="utf-8")
    for language, name in (("yaml", "experiment.yml"), ("python", "train.py")):
        (block,) = re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)
        assert block == (EXAMPLE / name).read_text(encoding="utf-8")
        (folder / name).write_text(block, encoding="utf-8")
    commands = "".join(re.findall(r"```console\n(.*?)```", page, flags=re.DOTALL))
    bin_directory = folder.parent / "bin"
    bin_directory.mkdir()
    (bin_directory / "python").symlink_to(sys.executable)
    (bin_directory / "hpbandster-ng").write_text(f'#!/bin/sh\nexec {sys.executable} -m hpbandster_ng "$@"\n')
    (bin_directory / "hpbandster-ng").chmod(0o755)
    environment = {
        **os.environ, "PATH": f"{bin_directory}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(PAGE.parents[1]),
    }  # fmt: skip
    answer = subprocess.run(
        ["/bin/sh", "-eu", "-c", commands], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr.count("is finished.") == 2
    assert "17 succeeded" in answer.stdout
    rows = [*csv.DictReader((folder / "line.csv").read_text().splitlines())]
    assert {row["outcome"] for row in rows} == {"succeeded"}
    assert min(float(row["metric.loss"]) for row in rows if row["budget"] == "9.0") < 0.05


WITHOUT_A_DRIVER = """
import sys
sys.modules["sqlalchemy"] = None
from hpbandster_ng.interfaces.cli.main import main
main(["list"])
"""


def test_a_missing_driver_names_its_extra(spawn):
    process = spawn("-c", WITHOUT_A_DRIVER)
    assert process.end() == 1
    (line,) = process.output.splitlines()
    assert line.endswith("install it with: pip install 'hpbandster_ng[sql]'")
