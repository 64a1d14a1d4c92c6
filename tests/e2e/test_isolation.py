"""Evaluations that crash or hang, and workers that are told to end, in real processes."""

from __future__ import annotations

import signal
import subprocess
import sys

import psutil
import pytest

from hpbandster_ng.core.result import json_result_logger, logged_results_to_HBS_result
from hpbandster_ng.engine.events import EndJob, StartJob, WorkerJoined, WorkerLost
from hpbandster_ng.engine.records import OutcomeState
from tests.waiting import LIMIT, wait_until, wait_until_gone

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

CRASHES = {
    "segfault": "was killed by SIGSEGV",
    "os._exit": "ended with exit code 3",
    "kill": "was killed by SIGKILL",
    "sys.exit": "SystemExit: 3",
}


def pids_that_hang(worker):
    worker.wait_for("hanging")
    wait_until(lambda: worker.output.partition("hanging")[2].endswith("\n"), "the whole line")
    return [int(pid) for pid in worker.output.partition("hanging")[2].split()[:2]]


def test_a_crash_costs_one_run_and_not_the_worker(make_master, start_worker, log):
    worker = start_worker("--isolate")
    kinds = [*CRASHES, "fine"]
    result = make_master(kinds).run(len(kinds))
    assert (len(log.of(WorkerJoined)), len(log.of(WorkerLost))) == (1, 0)
    runs = {result.data[run.config_id].config["kind"]: run for run in result.get_all_runs()}
    for kind, words in CRASHES.items():
        assert runs[kind].outcome is OutcomeState.FAILED
        assert words in runs[kind].error_logs
    assert runs["fine"].outcome is OutcomeState.SUCCEEDED
    assert len(log.learned) == len(kinds)
    assert worker.popen.poll() is None


@pytest.mark.parametrize("kind", ["hang", "hang in C"])
def test_what_hangs_is_killed_with_all_it_started_and_the_worker_goes_on(make_master, start_worker, log, kind):
    worker = start_worker()  # which isolates what has a time limit
    result = make_master([kind, "fine"], job_timeout=lambda budget: 5 * budget).run(2)
    first, second = result.get_all_runs()
    assert (first.outcome, second.outcome) == (OutcomeState.TIMED_OUT, OutcomeState.SUCCEEDED)
    assert "longer than its time limit of 5 seconds" in first.error_logs
    assert [start.time_limit for start in log.of(StartJob)] == [5.0, 5.0]
    assert [job.outcome.state for job in log.learned] == [first.outcome, second.outcome]
    assert not log.of(WorkerLost)
    wait_until_gone(pids_that_hang(worker))


def test_four_ends_without_a_result_are_told_apart_everywhere(make_master, start_worker, log, background, tmp_path):
    kinds = ["raises", "None", "hang", "kill"]
    logger = json_result_logger(tmp_path / "log")
    # SIGKILL reaches the worker itself where nothing is isolated, so "kill" comes last and has no time limit.
    limits = iter([60, 60, 2])
    master = make_master(kinds, max_attempts=1, result_logger=logger, job_timeout=None)
    master._pool.time_limit = lambda budget: next(limits, None)
    start_worker()
    run = background(master.run, len(kinds))
    result = run.result(LIMIT)
    outcomes = [run.outcome for run in result.get_all_runs()]
    assert [outcome.value for outcome in outcomes] == ["failed", "invalid return", "timed out", "lost"]
    assert [event.report.outcome.state for event in log.of(EndJob)] == outcomes
    assert [job.outcome.state for job in log.learned] == outcomes[:3]
    read = logged_results_to_HBS_result(tmp_path / "log").get_all_runs()
    assert [run.outcome for run in read] == outcomes
    assert [run.error_logs for run in read] == [run.error_logs for run in result.get_all_runs()]


@pytest.mark.parametrize("kind", ["hang", "hang in C"])
def test_a_worker_that_is_killed_leaves_nothing_behind(make_master, start_worker, background, kind):
    worker = start_worker("--isolate")
    master = make_master([kind], max_attempts=1)
    run = background(master.run, 1)
    family = psutil.Process(worker.popen.pid).children(recursive=True) if pids_that_hang(worker) else []
    assert len(family) >= 2
    worker.popen.kill()
    wait_until_gone([process.pid for process in family])
    assert run.result(LIMIT).get_all_runs()[0].outcome is OutcomeState.LOST


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_signal_hands_an_isolated_job_back_at_once(make_master, start_worker, log, background, tmp_path, number):
    told = start_worker("--isolate", "--hold", tmp_path / "go")
    run = background(make_master().run, 1)
    told.wait_for("computing")
    children = psutil.Process(told.popen.pid).children()
    told.popen.send_signal(number)
    if number == signal.SIGINT:
        assert told.end() != 0
        assert "KeyboardInterrupt" in told.output
    else:
        assert told.end() == 0
        assert "ended well" in told.output
    wait_until_gone([child.pid for child in children])
    start_worker("--isolate")
    assert len(run.result(LIMIT).get_all_runs()) == 1
    assert [event.reason for event in log.of(WorkerLost)] == ["it left"]
    assert [start.attempt for start in log.of(StartJob)] == [1, 2]


def test_a_job_that_is_not_isolated_may_end_after_a_signal(make_master, start_worker, log, background, tmp_path):
    told = start_worker("--hold", tmp_path / "go")
    run = background(make_master().run, 2)
    told.wait_for("computing")
    told.popen.send_signal(signal.SIGTERM)
    start_worker()
    wait_until(lambda: log.of(EndJob), "the other job is done")
    (tmp_path / "go").touch()
    assert told.end() == 0
    assert "ended well" in told.output
    assert len(run.result(LIMIT).get_all_runs()) == 2
    assert {start.attempt for start in log.of(StartJob)} == {1}


def test_a_job_that_takes_longer_than_the_grace_time_is_handed_back(
    make_master, start_worker, log, background, tmp_path
):
    told = start_worker("--hold", tmp_path / "go", "--nap", 1000, "--grace", 1.5)
    run = background(make_master().run, 1)
    told.wait_for("computing")
    told.popen.send_signal(signal.SIGUSR1)
    assert told.end() == 0
    assert "ended well" in told.output
    assert [event.reason for event in log.of(WorkerLost)] == ["it was told to end in the middle of a job"]
    start_worker()
    assert len(run.result(LIMIT).get_all_runs()) == 1
    assert [start.attempt for start in log.of(StartJob)] == [1, 2]


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGUSR1])
def test_a_second_signal_waits_for_nothing(make_master, start_worker, log, background, tmp_path, first):
    told = start_worker("--hold", tmp_path / "go", "--grace", 1000)
    run = background(make_master().run, 1)
    told.wait_for("computing")
    told.popen.send_signal(first)
    told.popen.send_signal(signal.SIGTERM if first == signal.SIGUSR1 else signal.SIGINT)
    told.end()
    start_worker()
    assert len(run.result(LIMIT).get_all_runs()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
@pytest.mark.parametrize("options", [(), ("--isolate",)])
def test_an_idle_worker_that_gets_a_signal_ends_well(make_master, start_worker, log, number, options):
    worker = start_worker(*options)
    master = make_master()
    master.wait_for_workers(1)
    worker.popen.send_signal(number)
    assert worker.end() == 0
    assert "ended well" in worker.output
    assert "Traceback" not in worker.output


UNGUARDED = """
import sys
from hpbandster_ng.core.worker import Worker
class Mine(Worker):
    def compute(self, config, budget, **kwargs):
        return {{"loss": 0.0}}
Mine("e2e", nameserver={host!r}, nameserver_port={port}, isolate={isolate}).run()
print("ended well")
"""


@pytest.mark.parametrize("isolate", [True, False])
def test_a_script_without_a_guard_is_one_error_and_no_second_worker(
    make_master, spawn, nameserver, log, background, tmp_path, isolate
):
    script = tmp_path / "unguarded.py"
    script.write_text(UNGUARDED.format(host=nameserver.host, port=nameserver.port, isolate=isolate))
    master = make_master(max_attempts=1, job_timeout=60)
    run = None if isolate else background(master.run, 1)
    worker = spawn(script)
    assert worker.end() != 0
    assert "which runs a worker as soon as it is imported" in worker.output  # by the child
    assert "InvalidArgumentError: isolate=True needs a child process that imports this program" in worker.output
    assert "ended well" not in worker.output
    if run is not None:
        assert run.result(LIMIT).get_all_runs()[0].outcome is OutcomeState.LOST
        assert len(log.of(WorkerJoined)) == 1
        assert "needs a child process that imports this program" in log.of(WorkerLost)[0].reason


ABANDONED = """
import sys, time
from hpbandster_ng.core.worker import Worker
class Mine(Worker):
    def compute(self, config, budget, **kwargs):
        print("computing", flush=True)
        time.sleep(1000)
if __name__ == "__main__":
    Mine("e2e", nameserver={host!r}, nameserver_port={port}, isolate=True).run(background=True)
    sys.stdin.readline()
"""


def test_a_script_that_ends_in_mid_job_hands_it_back(make_master, nameserver, start_worker, log, background, tmp_path):
    script = tmp_path / "abandoned.py"
    script.write_text(ABANDONED.format(host=nameserver.host, port=nameserver.port))
    run = background(make_master().run, 1)
    with subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as popen:
        assert popen.stdout.readline() == "computing\n"
        children = psutil.Process(popen.pid).children()
        popen.stdin.close()
        assert popen.wait(LIMIT) == 0
    wait_until_gone([child.pid for child in children])
    start_worker()
    (only,) = run.result(LIMIT).get_all_runs()
    assert only.outcome is OutcomeState.SUCCEEDED
