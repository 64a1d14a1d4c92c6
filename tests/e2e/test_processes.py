"""Workers in real processes: what they return, how they come, go and die."""

from __future__ import annotations

import signal
import time

import ConfigSpace
import pytest

from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.engine.events import EndJob, JobFinished, StartJob, WorkerJoined, WorkerLost
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.optimizers.randomsearch import RandomSearch
from tests.e2e.processes import WORKER
from tests.waiting import LIMIT, wait_until

pytestmark = pytest.mark.e2e

FINE = ["fine", "ndarray", "float32", "odd info", "large"]
REFUSED = {
    "vector": ["loss", "ndarray"],
    "None": ["None"],
    "None loss": ["loss", "None"],
    "NaN": ["loss", "nan"],
    "no loss": ["loss"],
    "object": ["info['model'][0]", "object"],
    "too large": ["bytes", "write large data to a file"],
    "sys.exit": ["SystemExit: 3"],
    "raises": ["RuntimeError: as a user's code may"],
}


def test_whatever_compute_returns_its_job_has_one_outcome(make_master, start_worker, log):
    start_worker()
    kinds = [*FINE, *REFUSED]
    result = make_master(kinds).run(len(kinds))
    assert [datum.config["kind"] for datum in result.data.values()] == kinds  # the initial configurations, in order
    reports = {event.report.kwargs["config"]["kind"]: event.report for event in log.of(EndJob)}
    assert len(log.of(EndJob)) == len(kinds)
    for kind in FINE:
        assert reports[kind].outcome.state is OutcomeState.SUCCEEDED, reports[kind].exception
    for kind, words in REFUSED.items():
        state = OutcomeState.FAILED if kind in ("sys.exit", "raises") else OutcomeState.INVALID
        assert reports[kind].outcome.state is state
        assert reports[kind].result is None
        for word in words:
            assert word in reports[kind].exception, (kind, reports[kind].exception[:500])


def test_odd_values_of_info_arrive_unchanged(make_master, start_worker, log):
    start_worker()
    make_master(["odd info", "float32", "ndarray"]).run(3)
    infos = [event.report.result["info"] for event in log.of(EndJob)]
    odd = infos[0]
    assert odd.pop("nan") != odd.get("nan")
    assert odd == {
        "set": {1, 2},
        "tuple": (1, (2, 3)),
        "bytes": b"\x00\xff",
        3: "an integer key",
        (1, "a"): "a tuple key",
        "inf": float("-inf"),
        "text": "€ \u2028 \U000e0001 \\ \" '",
    }
    assert infos[1:] == [{"a": 1.5, "b": 2}, [0, 1, 2]]
    assert [type(value) for value in infos[1].values()] == [float, int]


def test_the_job_of_a_killed_worker_runs_again_elsewhere(make_master, start_worker, log, background, tmp_path):
    workers = [start_worker("--hold", tmp_path / "go")]
    run = background(make_master().run, 1)
    workers[0].wait_for("computing")
    workers.append(start_worker())
    wait_until(lambda: len(log.of(WorkerJoined)) == 2, "two workers")
    assert not log.of(EndJob)
    workers[0].popen.kill()
    result = run.result(LIMIT)
    assert [(start.config_id, start.attempt) for start in log.of(StartJob)] == [((0, 0, 0), 1), ((0, 0, 0), 2)]
    assert [run.error_logs for run in result.get_all_runs()] == [None]
    (learned,) = log.learned
    assert learned.result["loss"] == 0.5


@pytest.mark.slow
def test_a_job_that_kills_its_workers_is_lost_after_bounded_attempts(make_master, start_worker, log, background):
    run = background(make_master(["kill"]).run, 1)
    for attempt in (1, 2, 3):
        start_worker().wait_for("computing")
        wait_until(lambda attempt=attempt: len(log.of(WorkerLost)) == attempt, f"loss of worker {attempt}")
    (datum,) = run.result(LIMIT).data.values()
    (end,) = log.of(EndJob)
    assert end.report.outcome.state is OutcomeState.LOST
    assert "attempt 3 of 3" in end.report.exception
    assert datum.status == "CRASHED"
    assert log.learned == []


def test_a_worker_that_is_interrupted_hands_its_job_back_and_ends(make_master, start_worker, log, background, tmp_path):
    interrupted = start_worker("--hold", tmp_path / "go")
    run = background(make_master().run, 1)
    interrupted.wait_for("computing")
    begin = time.monotonic()
    interrupted.popen.send_signal(signal.SIGINT)
    assert interrupted.end() != 0
    assert "KeyboardInterrupt" in interrupted.output
    wait_until(lambda: log.of(WorkerLost), "the worker is known to be gone")
    assert log.of(WorkerLost)[0].reason == "it left"
    assert time.monotonic() - begin < 10
    start_worker()
    assert len(run.result(LIMIT).get_all_runs()) == 1
    assert [start.attempt for start in log.of(StartJob)] == [1, 2]


def test_an_idle_worker_that_is_interrupted_ends(make_master, start_worker, log):
    worker = start_worker()
    master = make_master()
    master.wait_for_workers(1)
    worker.popen.send_signal(signal.SIGINT)
    assert worker.end() != 0
    assert "ended well" not in worker.output


def test_foreground_workers_return_when_the_master_sends_them_home(make_master, start_worker, tmp_path):
    idle, busy = start_worker(), start_worker("--hold", tmp_path / "go")
    master = make_master()
    master.wait_for_workers(2)
    master.run(6, max_time=1.0)
    busy.wait_for("computing")
    master.shutdown(shutdown_workers=True)
    assert idle.end() == 0
    assert "ended well" in idle.output
    (tmp_path / "go").touch()
    assert busy.end() == 0
    assert "ended well" in busy.output


def test_workers_outlive_a_master_that_leaves_them_and_serve_the_next(make_master, start_worker, log, tmp_path):
    """What a busy worker computed for the first master must not be taken for a result of the second."""
    worker = start_worker("--hold", tmp_path / "go")
    first = make_master(["float32"])
    first.run(1, max_time=2.0)
    worker.wait_for("computing")
    first.shutdown(shutdown_workers=False)
    (tmp_path / "go").touch()
    log.clear()
    result = make_master(["ndarray"]).run(1)
    (run,) = result.get_all_runs()
    assert run.info == [0, 1, 2]
    assert worker.output.count("computing") == 2


def test_a_worker_may_start_before_the_nameserver_and_the_master(spawn, stack, log, free_port):
    worker = spawn(WORKER, "--run_id", "early", "--port", free_port)
    worker.wait_for("starts")
    stack.enter_context(NameServer("early", port=free_port))
    space = ConfigSpace.ConfigurationSpace({"kind": ["fine"]})
    with RandomSearch(space, run_id="early", nameserver_port=free_port, worker_timeout=LIMIT) as master:
        assert len(master.run(2).get_all_runs()) == 2
    assert worker.end() == 0


def test_a_worker_joins_late_and_another_leaves_in_mid_run(make_master, start_worker, log, background, tmp_path):
    start_worker("--hold", tmp_path / "go", "--timeout", 1)
    run = background(make_master().run, 4)
    wait_until(lambda: log.of(StartJob), "the first job")
    late = start_worker()
    wait_until(lambda: len(log.of(EndJob)) == 3, "the late worker does the rest")
    late.popen.send_signal(signal.SIGINT)
    late.end()
    (tmp_path / "go").touch()
    assert len(run.result(LIMIT).get_all_runs()) == 4
    assert {event.worker.rsplit(".", 1)[-1] for event in log.of(JobFinished)} >= {str(late.popen.pid)}


def test_the_idle_limit_counts_from_the_start_without_any_job_or_master(start_worker):
    begin = time.monotonic()
    worker = start_worker("--timeout", 1)
    assert worker.end() == 0
    assert "ended well" in worker.output
    assert "Traceback" not in worker.output
    assert time.monotonic() - begin < 15


def test_the_idle_limit_also_ends_a_worker_whose_nameserver_is_gone(start_worker, nameserver, make_master):
    worker = start_worker("--timeout", 2)
    master = make_master()
    master.wait_for_workers(1)
    nameserver.shutdown()
    master.shutdown()
    assert worker.end() == 0
    assert "Traceback" not in worker.output


def test_several_processes_with_the_same_arguments_have_different_names(make_master, start_worker, log):
    for _ in range(3):
        start_worker("--id", 0)
    make_master().wait_for_workers(3)
    assert len({event.worker for event in log.of(WorkerJoined)}) == 3
