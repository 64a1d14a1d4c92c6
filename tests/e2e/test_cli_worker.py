"""Workers that are started by the command line, in real processes."""

from __future__ import annotations

import contextlib
import re
import signal
from pathlib import Path

import ConfigSpace
import psutil
import pytest

from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.engine.events import StartJob, WorkerJoined, WorkerLost
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.optimizers import BOHB
from tests.e2e import cli_workers
from tests.waiting import LIMIT, wait_until, wait_until_gone

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

MODULE = "tests.e2e.cli_workers"
FILE = Path(cli_workers.__file__)
SPACE = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})


@pytest.fixture
def start(spawn, tmp_path, monkeypatch):
    monkeypatch.setenv("CLI_WORKERS", str(tmp_path))

    def start(target, *options, run_id="e2e", before=()):
        return spawn("-m", "hpbandster_ng", *before, "worker", target, "--run-id", run_id, *options)

    return start


@pytest.fixture
def start_here(start, nameserver):
    def start_here(target, *options, **settings):
        return start(target, "--nameserver", nameserver.host, "--port", nameserver.port, *options, **settings)

    return start_here


@pytest.fixture
def run_bohb(stack, tmp_path, log):
    def run_bohb(nameserver, n_workers):
        address = {"run_id": "e2e", "nameserver": nameserver.host, "nameserver_port": nameserver.port}
        limits = {"min_budget": 1, "max_budget": 9, "worker_timeout": LIMIT, "working_directory": tmp_path / "run"}
        with BOHB(SPACE, **address, **limits, observers=[log]) as bohb:
            return bohb.run(n_iterations=1, min_n_workers=n_workers)

    return run_bohb


def pids_at_work(process, number):
    """Of the workers, or of their children, that say that they compute."""

    def found():
        return [int(pid) for pid in re.findall(r"computing in (\d+)\n", process.output)]

    wait_until(lambda: len(found()) == number or process.popen.poll() is not None, f"{number} in {process.output!r}")
    return found()


def family_of(process):
    return [child.pid for child in psutil.Process(process.popen.pid).children(recursive=True)]


def test_workers_of_the_command_line_do_a_run_alone(start_here, nameserver, run_bohb):
    workers = start_here(f"{MODULE}:Quadratic", "--workers", 2)
    result = run_bohb(nameserver, 2)
    assert len(result.get_all_runs()) == 13
    assert {run.outcome for run in result.get_all_runs()} == {OutcomeState.SUCCEEDED}
    assert {run.info["id"].rsplit(".")[-1] for run in result.get_all_runs()} == {"0", "1"}
    assert workers.end() == 0
    assert workers.output == ""


def test_the_page_of_the_documentation_does_what_it_says(spawn, tmp_path, monkeypatch):
    page = (FILE.parents[2] / "docs" / "command_line.md").read_text(encoding="utf-8")
    worker, optimizer = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    first, second = re.findall(r"```console\n(.*?)```", page, flags=re.DOTALL)
    (tmp_path / "my_worker.py").write_text(worker, encoding="utf-8")
    (tmp_path / "optimizer.py").write_text(optimizer, encoding="utf-8")
    (tmp_path / "shared").mkdir()
    monkeypatch.chdir(tmp_path)
    assert first == "mkdir -p shared\npython optimizer.py\n"
    command, *arguments = second.split()
    assert command == "hpbandster-ng"
    workers = spawn("-m", "hpbandster_ng", *arguments)
    run = spawn("optimizer.py")
    assert run.end() == 0
    assert re.fullmatch(r"\{'x': [\d.e-]+\}\n", run.output)
    assert workers.end() == 0
    assert workers.output == ""


def test_each_device_has_a_worker_that_sees_no_other(start_here, nameserver, run_bohb, log, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    workers = start_here(f"{MODULE}:Quadratic", "--devices", "cuda:0, cuda:1")
    runs = run_bohb(nameserver, 2).get_all_runs()
    assert len(log.of(WorkerJoined)) == 2
    assert {(run.info["id"].rsplit(".")[-1], run.info["devices"]) for run in runs} == {("0", "4"), ("1", "7")}
    assert workers.end() == 0


def test_the_shared_directory_tells_where_the_nameserver_is(start, stack, run_bohb, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    workers = start(f"{MODULE}:Quadratic", "--shared-directory", shared, "--workers", 2)
    nameserver = stack.enter_context(NameServer("e2e", shared, port=0))
    assert len(run_bohb(nameserver, 2).get_all_runs()) == 13
    assert workers.end() == 0


@pytest.mark.parametrize("is_file", [True, False], ids=["a file", "a module of the current directory"])
def test_a_child_process_finds_the_class(start_here, nameserver, run_bohb, tmp_path, monkeypatch, is_file):
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / "my_workers.py").write_text(FILE.read_text())
    if not is_file:
        monkeypatch.chdir(folder)
    target = "a folder/my_workers.py:Quadratic" if is_file else "my_workers:Quadratic"
    if is_file:
        monkeypatch.chdir(tmp_path)
    worker = start_here(target, "--isolate")
    assert len(run_bohb(nameserver, 1).get_all_runs()) == 13
    assert worker.end() == 0
    assert worker.output == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_signal_reaches_all_workers(make_master, start_here, log, background, tmp_path, number):
    told = start_here(f"{MODULE}:Holding", "--workers", 2, "--isolate")
    run = background(make_master().run, 2)
    computing = pids_at_work(told, 2)
    family = family_of(told)
    assert set(computing) < set(family)
    told.popen.send_signal(number)
    assert told.end() == (130 if number == signal.SIGINT else 0)
    assert told.output.count(f"was ended by {number.name}") == (0 if number == signal.SIGINT else 2)
    assert "Traceback" not in told.output
    wait_until_gone(family)
    (tmp_path / "go").touch()
    start_here(f"{MODULE}:Holding")
    assert len(run.result(LIMIT).get_all_runs()) == 2
    assert [event.reason for event in log.of(WorkerLost)] == ["it left"] * 2
    assert sorted(event.attempt for event in log.of(StartJob)) == [1, 1, 2, 2]


def test_a_single_worker_ends_by_ctrl_c_without_a_traceback(make_master, start_here):
    worker = start_here(f"{MODULE}:Quadratic")
    make_master().wait_for_workers(1)
    worker.popen.send_signal(signal.SIGINT)
    assert worker.end() == 130
    assert worker.output == ""


def test_a_signal_ends_a_wait_for_credentials(start, tmp_path):
    worker = start(f"{MODULE}:Quadratic", "--shared-directory", tmp_path, before=["-v"])
    worker.wait_for("waits for")
    worker.popen.send_signal(signal.SIGTERM)
    assert worker.end() == 0
    assert "Traceback" not in worker.output


@pytest.mark.parametrize("order", [1, -1], ids=["parents first", "children first"])
@pytest.mark.parametrize(("options", "attempts"), [((), [1, 1]), (("--isolate",), [1, 1, 2, 2])])
def test_a_cluster_may_send_a_signal_to_every_process(
    make_master, start_here, log, background, tmp_path, options, attempts, order
):
    """What a parent passes on as well is no second signal: who may finish does, who hands back is not disturbed."""
    told = start_here(f"{MODULE}:Holding", "--workers", 2, *options)
    run = background(make_master().run, 2)
    pids_at_work(told, 2)
    family = [told.popen.pid, *family_of(told)][::order]
    for pid in family:
        with contextlib.suppress(psutil.NoSuchProcess):  # a child may have ended with its worker by now
            psutil.Process(pid).terminate()
    if not options:
        (tmp_path / "go").touch()
    assert told.end() == 0
    wait_until_gone(family)
    (tmp_path / "go").touch()
    start_here(f"{MODULE}:Holding")
    assert len(run.result(LIMIT).get_all_runs()) == 2
    assert sorted(event.attempt for event in log.of(StartJob)) == attempts


@pytest.mark.parametrize("options", [(), ("--isolate",)])
def test_workers_end_when_the_process_that_started_them_is_killed(make_master, start_here, background, log, options):
    killed = start_here(f"{MODULE}:Holding", "--workers", 2, *options)
    run = background(make_master(max_attempts=1).run, 2)
    pids_at_work(killed, 2)
    family = family_of(killed)
    killed.popen.kill()
    wait_until_gone(family)
    assert {run.outcome for run in run.result(LIMIT).get_all_runs()} == {OutcomeState.LOST}


def test_the_first_exit_code_that_is_not_0_counts_and_all_are_waited_for(make_master, start_here, background, tmp_path):
    workers = start_here(f"{MODULE}:Holding", "--workers", 2)
    master = make_master(max_attempts=1)
    run = background(master.run, 2)
    psutil.Process(pids_at_work(workers, 2)[0]).kill()
    workers.wait_for("ended with exit code 137")
    (tmp_path / "go").touch()
    outcomes = {run.outcome for run in run.result(LIMIT).get_all_runs()}
    assert outcomes == {OutcomeState.LOST, OutcomeState.SUCCEEDED}
    master.shutdown(shutdown_workers=True)
    assert workers.end() == 137


@pytest.mark.parametrize("options", [(), ("--workers", 2)])
def test_a_worker_that_is_not_let_in_ends_with_its_own_code(start, options):
    process = start(f"{MODULE}:Exiting", *options)
    assert process.end() == 2
    assert "is not let in" in process.output
    assert "Error" not in process.output
    assert "Traceback" not in process.output


@pytest.mark.parametrize("options", [["--insecure"], []], ids=["insecure", "of another run"])
def test_a_worker_that_is_not_of_a_closed_run_says_why_in_one_line(start_here, options):
    process = start_here(f"{MODULE}:Quadratic", *options, run_id="e2e" if options else "another")
    assert process.end() == 2
    told = [line for line in process.output.splitlines() if not re.search(r"RuntimeWarning|warnings\.warn\(", line)]
    assert len(told) == 1
    assert " ERROR worker " in told[0]
    assert ("leave that out here" if options else "check run_id and address") in told[0]


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("Raising", (), f"Error: MODULE:CLASS='{MODULE}:Raising' cannot be constructed (RuntimeError: as a user's "),
        ("Quadratic", ("--max-message-bytes", 1), "Error: max_message_bytes=1 must be a whole number from "),
        ("Quadratic", ("--devices", "cuda:0,cuda:9"), "Error: devices='cuda:9' is not among the 1 that "),
        ("Quadratic", ("--port", 1), "Error: no nameserver"),
    ],
)
def test_an_error_is_one_line_and_with_v_a_traceback(start, monkeypatch, target, options, message):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    terse, verbose = (start(f"{MODULE}:{target}", *options, before=before) for before in ([], ["-v"]))
    assert terse.end() == verbose.end() == 1
    (line,) = terse.output.splitlines()
    assert line.startswith(message)
    assert "Traceback" in verbose.output
    assert verbose.output.splitlines()[-1] == line
