"""Real child processes: what kills them, what hangs in them, and what must be gone afterwards."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from hpbandster_ng.backends.evaluation import Call
from hpbandster_ng.backends.evaluator import Evaluator
from hpbandster_ng.backends.isolation import Child
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.errors import InvalidArgumentError
from tests.waiting import LIMIT, is_gone, wait_until_gone

pytestmark = pytest.mark.e2e

SEEN_AT_IMPORT = os.environ.get("HPB_TEST_DEVICE")


def crash(kind, **kwargs):
    if kind == "segfault":
        ctypes.string_at(0)
    if kind == "abort":
        os.abort()
    if kind == "os._exit":
        os._exit(3)
    if kind == "SIGKILL":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "close":
        os.closerange(3, 256)
    raise AssertionError(kind)


def hang(kind, file, **kwargs):
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    Path(file).write_text(f"{os.getpid()} {grandchild.pid}")
    if kind == "in C":
        ctypes.PyDLL(None).sleep(1000)  # does not let any other thread of Python run
    while True:
        pass


def fork_and_exit(file, **kwargs):
    grandchild = os.fork()  # which has all the pipes of its parent
    if grandchild == 0:
        time.sleep(1000)
    Path(file).write_text(str(grandchild))
    os._exit(4)


def fork_and_come_back(kind, **kwargs):
    copy = os.fork()
    if copy:
        return os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1])
    if kind == "raises":
        raise RuntimeError(kind)
    return sys.exit({"exits": 3, "exits with a text": "bye", "exits well": None}[kind]) if kind != "returns" else -1


def ignore_signals(**kwargs):
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT):
        os.kill(os.getpid(), number)


def terminate_own_processes(**kwargs):
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(1000,))
    process.start()
    process.terminate()
    process.join(LIMIT)
    return process.exitcode


def compute(config, **kwargs):
    acts = [crash, hang, fork_and_exit, fork_and_come_back, ignore_signals, terminate_own_processes]
    act = {each.__name__: each for each in acts}.get(config.get("act"))
    said = act(**config) if act else None
    if config.get("act") == "raise":
        sys.exit("bye")
    info = {"pid": os.getpid(), "said": said, "device": (SEEN_AT_IMPORT, os.environ.get("HPB_TEST_DEVICE"))}
    return {"loss": 1.0, "info": {**info, "large": "x" * config.get("size", 0)}}


def call(**config):
    return Call((0, 0, 0), config, 9.0, ".")


@pytest.fixture
def child():
    child = Child(compute)
    yield child
    child.close()


def pid_of(outcome):
    assert outcome.state is OutcomeState.SUCCEEDED, outcome.error
    return outcome.result["info"]["pid"]


def test_one_process_serves_many_jobs(child):
    first, second = child.evaluate(call()), child.evaluate(call(size=10_000_000))
    assert pid_of(first) == pid_of(second) != os.getpid()
    assert len(second.result["info"]["large"]) == 10_000_000
    child.close()
    assert is_gone(pid_of(first))


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("segfault", "was killed by SIGSEGV"),
        ("abort", "was killed by SIGABRT"),
        ("os._exit", "ended with exit code 3"),
        ("SIGKILL", "was killed by SIGKILL, perhaps for want of memory"),
        ("close", "ended with exit code 1"),
    ],
)
def test_who_takes_the_process_along_has_failed_and_the_next_job_gets_another(child, kind, how):
    before = pid_of(child.evaluate(call()))
    outcome = child.evaluate(call(act="crash", kind=kind))
    assert outcome.state is OutcomeState.FAILED
    assert outcome.error.endswith(f"the process of the evaluation {how}")
    assert ("in crash" in outcome.error) == (kind in ("segfault", "abort"))
    assert pid_of(child.evaluate(call())) != before


def test_what_is_raised_costs_no_process(child):
    before = pid_of(child.evaluate(call()))
    outcome = child.evaluate(call(act="raise"))
    assert outcome.state is OutcomeState.FAILED
    assert "SystemExit: bye" in outcome.error
    assert pid_of(child.evaluate(call())) == before


@pytest.mark.parametrize(
    ("kind", "code"),
    [("returns", 0), ("exits", 3), ("exits with a text", 1), ("exits well", 0), ("raises", 1)],
)
def test_what_compute_has_forked_does_not_answer_for_it(child, kind, code, capfd):
    outcome = child.evaluate(call(act="fork_and_come_back", kind=kind))
    pid = pid_of(outcome)
    assert outcome.result["info"]["said"] == code
    assert pid_of(child.evaluate(call())) == pid
    child.close()
    assert ("RuntimeError: raises" in capfd.readouterr().err) == (kind == "raises")


@pytest.mark.parametrize("kind", ["in Python", "in C"])
def test_what_takes_too_long_is_killed_with_all_that_it_started(child, kind, tmp_path):
    child.wait_until_ready()
    outcome = child.evaluate(call(act="hang", kind=kind, file=str(tmp_path / "pids")), time_limit=3.0)
    assert outcome.state is OutcomeState.TIMED_OUT
    assert outcome.error == "the evaluation took longer than its time limit of 3 seconds and was killed"
    wait_until_gone(map(int, (tmp_path / "pids").read_text().split()))
    pid_of(child.evaluate(call()))


def test_a_death_is_seen_even_if_somebody_else_holds_the_pipes_open(child, tmp_path):
    outcome = child.evaluate(call(act="fork_and_exit", file=str(tmp_path / "pid")))
    assert outcome.error == "the process of the evaluation ended with exit code 4"
    wait_until_gone([int((tmp_path / "pid").read_text())])


def test_an_idle_child_that_dies_costs_nothing(child):
    os.kill(pid_of(child.evaluate(call())), signal.SIGKILL)
    child._process.join()
    pid_of(child.evaluate(call()))


def test_signals_of_the_machine_are_for_the_worker_but_reach_what_compute_forks(child):
    pid_of(child.evaluate(call(act="ignore_signals")))
    outcome = child.evaluate(call(act="terminate_own_processes"))
    assert outcome.result["info"]["said"] == -signal.SIGTERM


def test_the_environment_is_there_before_anything_is_imported():
    child = Child(compute, {"HPB_TEST_DEVICE": "7"})
    outcome = child.evaluate(call())
    child.close()
    assert outcome.result["info"]["device"] == ("7", "7")
    assert "HPB_TEST_DEVICE" not in os.environ


def test_what_cannot_be_pickled_is_one_error_and_no_process():
    child = Child(threading.Lock().acquire)
    with pytest.raises(
        InvalidArgumentError, match=r"^isolate=True needs a child .* can be given the worker \(.*pickle.*\)"
    ):
        child.start()
    assert not [each for each in psutil.Process().children() if "spawn_main" in " ".join(each.cmdline())]
    child.close()


def refuse():
    raise RuntimeError("not in the child")


class OnlyHere:
    def __reduce__(self):
        return refuse, ()

    def __call__(self, **kwargs):
        return None


def test_a_child_that_cannot_import_the_program_is_one_error(capfd):
    child = Child(OnlyHere())
    with pytest.raises(InvalidArgumentError, match=r"imports this program, but it ended with exit code 1; .*__main__"):
        child.wait_until_ready()
    assert "RuntimeError: not in the child" in capfd.readouterr().err


# The evaluator, which decides where.


def where(config, working_directory, **kwargs):
    if config.get("write"):
        Path(working_directory, "file").touch()
    return {"loss": 0.0, "info": [os.getpid(), working_directory, Path(working_directory).is_dir()]}


@pytest.fixture
def evaluator(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evaluator = Evaluator(where)
    yield evaluator
    evaluator.close()


def test_only_a_time_limit_needs_a_process_unless_all_is_isolated(evaluator):
    here = evaluator.evaluate(call()).result["info"][0]
    there = evaluator.evaluate(call(), time_limit=LIMIT).result["info"][0]
    assert here == os.getpid() != there
    evaluator.isolate = True
    assert evaluator.evaluate(call()).result["info"][0] == there


@pytest.mark.parametrize("time_limit", [None, LIMIT])
def test_a_directory_is_made_and_stays_if_something_is_in_it(evaluator, tmp_path, time_limit):
    directory = tmp_path / "run" / "config_0_0_0"
    relative = Call((0, 0, 0), {}, 1.0, "run/config_0_0_0")
    assert evaluator.evaluate(relative, time_limit).result["info"][1:] == [str(directory), True]
    assert not directory.exists()
    evaluator.evaluate(relative._replace(config={"write": True}), time_limit)
    assert [path.name for path in directory.iterdir()] == ["file"]
    evaluator.evaluate(relative, time_limit)
    assert (directory / "file").exists()


def test_a_directory_of_somebody_else_stays_even_if_it_is_empty(evaluator, tmp_path):
    evaluator.evaluate(Call((0, 0, 0), {}, 1.0, "."))
    assert tmp_path.is_dir()


def test_a_directory_that_cannot_be_made_is_an_error_and_no_outcome(evaluator, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InvalidArgumentError, match=r"^working_directory='.*file/config_0_0_0' cannot be made on"):
        evaluator.evaluate(Call((0, 0, 0), {}, 1.0, "file/config_0_0_0"))
