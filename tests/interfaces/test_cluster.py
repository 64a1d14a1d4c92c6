"""What a task of a cluster decides, with a scheduler of the test's; real ones are in ``tests/clusters``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import psutil
import pytest

from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.interfaces.cluster.meeting import (
    Note,
    has_journal,
    is_barred,
    lets_in,
    listens,
    read_note,
    write_note,
)
from hpbandster_ng.interfaces.cluster.part import Part, part_of
from hpbandster_ng.interfaces.cluster.scheduler import Standing, Task
from hpbandster_ng.interfaces.cluster.sge import SGE
from hpbandster_ng.interfaces.cluster.slurm import Slurm
from hpbandster_ng.interfaces.cluster.supervisor import Supervisor
from tests.waiting import wait_until, wait_until_gone

pytestmark = pytest.mark.slow

HOME = Path("/home/me")
FIRST, THIRD = Task("7_1", "7", "7_1", HOME), Task("7_3", "7", "7_1", HOME)
ALONE = Task("7", "7", None, HOME)
OURS = {"HPB_RUN_ID": "ours"}
SCRIPT = ["my_script.py", "--n", "8"]


@pytest.mark.parametrize(
    ("task", "environment", "script", "run_id", "master", "is_worker"),
    [
        (FIRST, {}, SCRIPT, "7", "7_1", False),
        (THIRD, {}, SCRIPT, "7", "7_1", True),
        (THIRD, {"HPB_RUN_ID": ""}, SCRIPT, "7", "7_1", True),
        (THIRD, OURS, SCRIPT, "ours", "7_1", True),
        (ALONE, OURS, SCRIPT, "ours", "7", False),
        (FIRST, OURS, [*SCRIPT, "--worker"], "ours", None, True),
        (ALONE, OURS, [*SCRIPT, "--worker"], "ours", None, True),
    ],
)
def test_which_part_a_task_has(task, environment, script, run_id, master, is_worker):
    part = part_of(task, environment, script)
    assert (part.run_id, part.master, part.is_worker) == (run_id, master, is_worker)
    run = ["--run_id", run_id, "--nic_name", "eth0", "--shared_directory", f"/home/me/hpbandster_ng_{run_id}"]
    assert part.command[:7] == ["my_script.py", *run]
    assert sorted(part.command[7:]) == sorted(["--n", "8"] + (["--worker"] if is_worker else []))


@pytest.mark.parametrize(
    ("task", "script", "message"),
    [
        (FIRST, [], "there is no script"),
        (None, SCRIPT, "this is no job of a scheduler"),
        (ALONE, SCRIPT, "the job is no array; "),
        (
            FIRST,
            [*SCRIPT, "--shared_directory", "."],
            "leave --shared_directory out, the job gives it: it is hpbandster_",
        ),
        (THIRD, [*SCRIPT, "--run_id=mine"], "leave --run_id out, the job gives it: .* HPB_RUN_ID"),
        (THIRD, [*SCRIPT, "--nic_name", "ib0"], "leave --nic_name out, the job gives it: .* HPB_NIC_NAME"),
        (THIRD, [*SCRIPT, "--worker"], "--worker makes all tasks workers, so say of which run: export HPB_RUN_ID="),
    ],
)
def test_what_cannot_be_a_part_is_told(task, script, message):
    for environment in ({}, {"HPB_RUN_ID": ""}):
        with pytest.raises(click.UsageError, match=message):
            part_of(task, environment, script)
    with pytest.raises(InvalidArgumentError, match="run_id='a/b' must be "):
        part_of(FIRST, {"HPB_RUN_ID": "a/b"}, SCRIPT)


@pytest.mark.parametrize("scheduler", [Slurm(), SGE()])
def test_a_scheduler_that_does_not_answer_is_asked_nothing_more(scheduler, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert scheduler.standing("7_1") is Standing.QUEUED
    assert scheduler.warned_after("7_1") is None


class Scheduler(Slurm):
    """Says what it is told to."""

    def __init__(self, answer=None, standing=Standing.QUEUED, warns_after=None):
        self.answer = answer
        self.told = standing
        self.warns_after = warns_after
        self.asked = []

    def standing(self, task):
        return self.told

    def warned_after(self, task):
        return self.warns_after

    def requeue(self, task):
        self.asked.append(task)
        return self.answer


TOLD = "import os, signal, time; os.kill(os.getppid(), signal.{}); time.sleep(60)"
"""Tells the task that started it, and ends by the signal that is handed on to it."""


@pytest.fixture
def run_task(tmp_path):
    directory = tmp_path / "hpbandster_ng_r"
    directory.mkdir()

    def run_task(code, scheduler, is_worker=False, master="7_1"):
        script = tmp_path / "script.py"
        script.write_text(code)
        said = []
        task = "7_2" if is_worker else "7_1"
        part = Part("r", task, master, is_worker, "lo", directory, [str(script)])
        return Supervisor(part, scheduler, said.append).run(), said

    run_task.directory = directory
    return run_task


@pytest.mark.parametrize("code", [0, 3])
def test_the_end_of_the_master_is_noted(run_task, code):
    scheduler = Scheduler(99)
    assert run_task(f"raise SystemExit({code})", scheduler) == (code, [])
    assert read_note(run_task.directory) == Note("7_1", code)
    assert scheduler.asked == []


@pytest.mark.parametrize("name", ["SIGUSR1", "SIGUSR2"])
def test_a_master_whose_time_is_up_is_started_again_if_it_can_go_on(run_task, name):
    scheduler = Scheduler(99)
    code, (said,) = run_task(TOLD.format(name), scheduler)
    assert (code > 128, scheduler.asked) == (True, [])
    assert "the script keeps no journal in" in said
    assert "submit it with HPB_RUN_ID=r" in said
    assert read_note(run_task.directory) == Note("7_1", code)
    (run_task.directory / "log").mkdir()
    (run_task.directory / "log" / "journal").touch()
    assert has_journal(run_task.directory)
    assert run_task(TOLD.format(name), scheduler)[0] == 99
    assert read_note(run_task.directory) == Note("7_1", None)
    assert scheduler.asked == ["7_1"]
    code, said = run_task(TOLD.format(name), Scheduler(None))
    assert "the scheduler refuses to start this task again" in said[-1]
    assert read_note(run_task.directory) == Note("7_1", code)


def test_a_second_master_leaves_the_first_alone(run_task):
    write_note(run_task.directory, Note("6_1"))
    with NameServer("r", run_task.directory, port=0):
        code, (said,) = run_task("pass", Scheduler())
    assert code == 1
    assert said.startswith("the run has a living master, as ")
    assert read_note(run_task.directory) == Note("6_1")


def test_a_task_tells_itself_that_its_time_is_up_if_the_scheduler_does_not(run_task):
    (run_task.directory / "journal").touch()
    assert run_task("import time; time.sleep(60)", Scheduler(99, warns_after=0.2))[0] == 99


def test_what_becomes_of_a_master_that_is_told_to_end_the_scheduler_knows(run_task):
    scheduler = Scheduler(99)
    assert run_task(TOLD.format("SIGTERM"), scheduler) == (143, [])
    assert read_note(run_task.directory) == Note("7_1", None)
    assert scheduler.asked == []


def test_a_worker_of_a_run_that_is_over_starts_nothing(run_task):
    write_note(run_task.directory, Note("7_1", 0))
    assert run_task("raise SystemExit(3)", Scheduler(), is_worker=True) == (
        0,
        ["it is over, since its master, task 7_1, has ended with exit code 0; nothing more to do"],
    )


def test_a_worker_does_not_wait_for_a_master_that_has_left_the_queue(run_task):
    write_note(run_task.directory, Note("6_1", 0))  # of an earlier job, which says nothing of this one's master
    code, said = run_task("raise SystemExit(3)", Scheduler(standing=Standing.GONE), is_worker=True)
    assert code == 0
    assert said[-1] == "the task of its master, 7_1, has left the queue; nothing more to do"


def test_a_worker_that_ends_while_its_master_lives_has_a_reason_of_its_own(run_task):
    write_note(run_task.directory, Note("7_1"))
    with NameServer("r", run_task.directory, port=0):
        assert lets_in(run_task.directory, "r")
        assert listens(run_task.directory, "r")
        assert run_task("raise SystemExit(3)", Scheduler(), is_worker=True) == (3, [])
    assert not lets_in(run_task.directory, "r")
    assert not listens(run_task.directory, "r")


LATE = """
import os, pathlib, shutil, sys
credentials = pathlib.Path({!r}, "HPB_run_r_pyro.json")
if pathlib.Path("was_here").exists():
    sys.exit(3)
pathlib.Path("was_here").touch()
os.replace(shutil.copy(credentials, "copy"), credentials)
"""
"""Ends first when the next master is there, and then for a reason of its own."""


def test_a_worker_that_is_late_for_one_master_works_for_the_next(run_task):
    write_note(run_task.directory, Note("7_1"))
    with NameServer("r", run_task.directory, port=0):
        assert run_task(LATE.format(str(run_task.directory)), Scheduler(), is_worker=True) == (3, [])


def test_a_worker_that_may_not_read_the_credentials_is_started_and_says_so(run_task):
    path = run_task.directory / "HPB_run_r_pyro.json"
    with NameServer("r", run_task.directory, port=0):
        path.chmod(0o644)
        assert is_barred(run_task.directory, "r")
        assert not lets_in(run_task.directory, "r")
        assert run_task("raise SystemExit(2)", Scheduler(), is_worker=True) == (2, [])


def test_a_worker_whose_time_is_up_goes_back_into_the_queue(run_task):
    write_note(run_task.directory, Note("7_1"))
    with NameServer("r", run_task.directory, port=0):
        scheduler = Scheduler(99)
        assert run_task(TOLD.format("SIGUSR1"), scheduler, is_worker=True)[0] == 99
    assert scheduler.asked == ["7_2"]


def test_a_worker_gives_way_to_a_master_that_waits_for_its_place(run_task, monkeypatch):
    monkeypatch.setattr("hpbandster_ng.interfaces.cluster.supervisor._INTERVAL", 0.01)
    scheduler = Scheduler(99, standing=Standing.CROWDED_OUT)
    code, said = run_task("raise SystemExit(3)", scheduler, is_worker=True)
    assert (code, scheduler.asked) == (99, ["7_2"])
    assert said[-1] == "the task of its master waits for a place; this one gives way, and starts again later"


def test_a_worker_that_cannot_be_started_again_does_not_give_way(run_task, monkeypatch):
    monkeypatch.setattr("hpbandster_ng.interfaces.cluster.supervisor._INTERVAL", 0.01)

    class Refuses(Scheduler):
        def requeue(self, task):
            self.told = Standing.GONE if self.asked else self.told
            return super().requeue(task)

    scheduler = Refuses(None, standing=Standing.CROWDED_OUT)
    code, said = run_task("raise SystemExit(3)", scheduler, is_worker=True)
    assert (code, scheduler.asked) == (0, ["7_2", "7_2"])
    assert said[-1] == "the task of its master, 7_1, has left the queue; nothing more to do"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_shared_directory_that_takes_no_note_is_one_line(run_task, when):
    note = run_task.directory / "master.json"
    if when == "before":
        note.mkdir()
    script = f"import pathlib; note = pathlib.Path({str(note)!r}); note.unlink(); note.mkdir()"
    code, (said,) = run_task(script, Scheduler())
    if when == "before":
        assert (code, said) == (1, f"nothing can be written to {run_task.directory}: Is a directory")
    else:
        assert (code, said) == (0, f"the end of the run cannot be written to {run_task.directory}: Is a directory")


def call(directory, *script, **environment):
    """The first task of an array of Slurm's, which is not there."""
    task = {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "1", "SLURM_SUBMIT_DIR": str(directory)}
    return subprocess.Popen(
        [sys.executable, "-m", "hpbandster_ng.interfaces.cluster", "slurm", *script],
        env=os.environ | task | {"HPB_NIC_NAME": "lo"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_what_keeps_a_task_from_its_work_is_one_line(tmp_path):
    task = call(tmp_path, "script.py", HPB_RUN_ID="a/b")
    assert task.communicate()[1].startswith("hpbandster_ng: run_id='a/b' must be part of a file name")
    assert task.returncode == 2
    (tmp_path / "hpbandster_ng_7").touch()
    task = call(tmp_path, "script.py")
    (line,) = task.communicate()[1].splitlines()
    assert "hpbandster_ng_7 cannot be made: File exists; submit from a directory where all nodes may write" in line
    assert task.returncode == 1


def test_a_task_that_is_killed_leaves_nothing_running(tmp_path):
    code = "import os, pathlib, time; pathlib.Path('pid').write_text(f'{os.getpid()}\\n'); time.sleep(600)"
    (tmp_path / "script.py").write_text(code)
    with call(tmp_path, "script.py") as task:
        pid = tmp_path / "pid"
        wait_until(lambda: pid.exists() and pid.read_text().endswith("\n"), "the script runs")
        assert psutil.pid_exists(int(pid.read_text()))
        task.kill()
        wait_until_gone([int(pid.read_text())])
