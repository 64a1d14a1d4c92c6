"""The networked part with real processes: what workers, masters and nameservers do to each other."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import ConfigSpace
import pytest

from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.engine.events import EndJob, JobFinished, StartJob, WorkerJoined, WorkerLost
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.errors import MasterExistsError
from hpbandster_ng.optimizers.randomsearch import RandomSearch

pytestmark = pytest.mark.e2e

WORKER = Path(__file__).parent / "worker_process.py"
LIMIT = 30.0
"""Seconds that anything may take on a busy machine."""

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


def wait_until(condition, what, limit=LIMIT):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit:g} seconds: {what}"
        threading.Event().wait(0.01)


class Process:
    """A script in a process of its own, whose output can be waited for."""

    def __init__(self, command, output):
        self.path = output
        with output.open("w") as sink:
            self.popen = subprocess.Popen([sys.executable, *command], stdout=sink, stderr=subprocess.STDOUT)

    @property
    def output(self):
        return self.path.read_text()

    def wait_for(self, text):
        wait_until(lambda: text in self.output or self.popen.poll() is not None, f"{text!r} in {self.output!r}")
        assert text in self.output

    def end(self):
        self.popen.wait(LIMIT)
        return self.popen.returncode


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def spawn(stack, tmp_path):
    numbers = iter(range(100))

    def spawn(*command):
        process = Process([str(part) for part in command], tmp_path / f"output_{next(numbers)}.txt")
        stack.callback(process.popen.wait, LIMIT)
        stack.callback(process.popen.kill)
        return process

    return spawn


@pytest.fixture
def nameserver(stack):
    return stack.enter_context(NameServer("e2e", port=0))


@pytest.fixture
def start_worker(spawn, nameserver):
    def start_worker(*options):
        return spawn(WORKER, "--run_id", "e2e", "--nameserver", nameserver.host, "--port", nameserver.port, *options)

    return start_worker


class Log(list):
    """The events of a run, and what was told to the generator."""

    def __init__(self):
        super().__init__()
        self.learned = []

    def __call__(self, event):
        self.append(event)

    def of(self, kind):
        return [event for event in self if isinstance(event, kind)]


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def make_master(stack, nameserver, log):
    def make_master(kinds=("fine",), **options):
        space = ConfigSpace.ConfigurationSpace({"kind": list(kinds)})
        settings = {
            "run_id": "e2e",
            "nameserver": nameserver.host,
            "nameserver_port": nameserver.port,
            "initial_configs": [{"kind": kind} for kind in kinds],
            "observers": [log],
            "worker_timeout": LIMIT,
            **options,
        }
        master = RandomSearch(space, **settings)
        learn = master.config_generator.new_result
        master.config_generator.new_result = lambda job, **kwargs: (log.learned.append(job), learn(job, **kwargs))
        return stack.enter_context(master)

    return make_master


@pytest.fixture
def background(stack):
    return stack.enter_context(ThreadPoolExecutor()).submit


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
        assert reports[kind].outcome.state is OutcomeState.FAILED
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


OTHER_MASTER = """
import sys, ConfigSpace
from hpbandster_ng.optimizers.randomsearch import RandomSearch
space = ConfigSpace.ConfigurationSpace({"kind": ["fine"]})
master = RandomSearch(space, run_id="e2e", nameserver_port=int(sys.argv[1]))
print("starts", flush=True)
master.run(1)
"""


def test_a_second_master_of_the_same_run_id_is_refused(make_master, start_worker, spawn, nameserver):
    begin = time.monotonic()
    start_worker()
    master = make_master()
    master.wait_for_workers(1)
    second = spawn("-c", OTHER_MASTER, nameserver.port)
    assert second.end() == 1
    assert "MasterExistsError: run_id='e2e' has a living master already" in second.output
    assert time.monotonic() - begin < 15
    assert len(master.run(1).get_all_runs()) == 1  # the first has not noticed
    with pytest.raises(MasterExistsError):
        make_master().run(1)


def test_a_master_takes_the_place_of_one_that_was_killed(make_master, start_worker, spawn, nameserver, tmp_path):
    killed = spawn("-c", OTHER_MASTER, nameserver.port)
    worker = start_worker("--hold", tmp_path / "go")
    worker.wait_for("computing")
    killed.popen.kill()
    killed.end()
    (tmp_path / "go").touch()
    assert len(make_master().run(2).get_all_runs()) == 2


RAISES = """
import sys, ConfigSpace
from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.optimizers.randomsearch import RandomSearch
class W(Worker):
    def compute(self, **kwargs):
        return {"loss": 0, "info": {}}
nameserver = NameServer("raises", port=0)
nameserver.start()
worker = W("raises", nameserver_port=nameserver.port, id=0)
if sys.argv[1] == "worker":
    worker.run(background=True)
    raise RuntimeError("in the user's script")
master = RandomSearch(ConfigSpace.ConfigurationSpace({"x": [1, 2]}), run_id="raises", nameserver_port=nameserver.port)
worker.run(background=True)
master.run(2)
raise RuntimeError("in the user's script")
"""


@pytest.mark.parametrize("who", ["worker", "master"])
def test_an_exception_in_the_users_script_ends_the_process(spawn, who):
    process = spawn("-c", RAISES, who)
    begin = time.monotonic()
    assert process.end() == 1
    assert time.monotonic() - begin < 15
    assert "RuntimeError: in the user's script" in process.output


def test_a_nameserver_that_restarts_elsewhere_is_found_by_its_credentials(spawn, stack, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    first = NameServer("e2e", shared, port=0)
    first.start()
    worker = spawn(WORKER, "--run_id", "e2e", "--directory", shared)
    worker.wait_for("starts")
    space = ConfigSpace.ConfigurationSpace({"kind": ["fine"]})
    with RandomSearch(space, run_id="e2e", nameserver_port=first.port, shutdown_workers=False) as master:
        master.run(1)
    first.shutdown()
    with socket.create_server(("127.0.0.1", first.port)):
        second = stack.enter_context(NameServer("e2e", shared, port=0))
    with RandomSearch(space, run_id="e2e", nameserver_port=second.port, worker_timeout=LIMIT) as master:
        assert len(master.run(1).get_all_runs()) == 1
    assert worker.end() == 0


def test_everything_works_over_ipv6(stack, tmp_path, spawn):
    try:
        nameserver = stack.enter_context(NameServer("six", tmp_path, host="::1", port=0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback address")
    worker = spawn(WORKER, "--run_id", "six", "--directory", tmp_path)
    space = ConfigSpace.ConfigurationSpace({"kind": ["fine"]})
    options = {"nameserver": "::1", "nameserver_port": nameserver.port, "host": "::1"}
    with RandomSearch(space, run_id="six", worker_timeout=LIMIT, **options) as master:
        assert len(master.run(2).get_all_runs()) == 2
    assert worker.end() == 0


def test_a_worker_that_was_stopped_for_a_while_goes_on(make_master, start_worker, log, background):
    worker = start_worker()
    master = make_master(ping_interval=1)
    wait = background(master.wait_for_workers, 2)
    wait_until(lambda: log.of(WorkerJoined), "the worker")
    worker.popen.send_signal(signal.SIGSTOP)
    wait_until(lambda: log.of(WorkerLost), "its loss")
    assert log.of(WorkerLost)[0].reason == "it was silent for 3 seconds"
    worker.popen.send_signal(signal.SIGCONT)
    wait_until(lambda: len(log.of(WorkerJoined)) == 2, "it joins anew")
    start_worker()
    wait.result(LIMIT)
    assert len(master.run(2).get_all_runs()) == 2


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
