"""Processes of this machine as workers, under the contract of backends, and what is theirs alone."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from pathlib import Path

import ConfigSpace
import pytest

from hpbandster_ng.backends.factory import UNNAMED, WorkerFactory
from hpbandster_ng.backends.processes import ProcessBackend
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.engine.events import WorkerLost
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers import BOHB
from hpbandster_ng.testing.backends import ParallelBackendContract
from hpbandster_ng.testing.calling import called, wait_until, wait_until_gone
from hpbandster_ng.testing.evaluations import Acts, begun
from tests.e2e.processes import Process

SCRIPT = Path(__file__).parent / "run_in_processes.py"
SPACE = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})


@pytest.mark.e2e
@pytest.mark.slow
class TestContract(ParallelBackendContract):
    @contextlib.contextmanager
    def opened(self, directory):
        yield ProcessBackend(Acts, n_workers=self.n_workers, working_directory=directory)


class Scaled(Worker):
    def __init__(self, scale, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def compute(self, config_id, config, budget, working_directory):
        return {"loss": self.scale * config["x"], "info": [self.run_id, os.environ.get("CUDA_VISIBLE_DEVICES")]}


class OnlyTwice(Acts):
    """Of which no more than two can be built in all processes."""

    def __init__(self, directory):
        super().__init__()
        for number in range(2):
            try:
                Path(directory, f"built {number}").touch(exist_ok=False)
            except FileExistsError:
                continue
            return
        raise OSError("there are two already")


class WithoutCompute:
    pass


class TakesAnything:
    def __init__(self, **settings):
        self.settings = settings

    def compute(self, **_):
        return {"loss": 0.0, "info": self.settings}


# What is built, and with which arguments


def test_a_worker_is_built_from_its_arguments_and_needs_no_run_id():
    compute = WorkerFactory(Scaled, {"scale": 2}).build()
    assert compute(config_id=(0, 0, 0), config={"x": 1}, budget=1.0, working_directory=".")["loss"] == 2
    assert compute.__self__.run_id == UNNAMED
    assert WorkerFactory(Scaled, {"scale": 2, "run_id": "mine"}).build().__self__.run_id == "mine"


@pytest.mark.parametrize("arguments", [{}, {"a": 1}])
def test_a_class_that_takes_any_arguments_gets_none_that_the_user_did_not_give(arguments):
    assert WorkerFactory(TakesAnything, arguments).build().__self__.settings == arguments


def test_a_function_may_build_the_worker():
    assert WorkerFactory(lambda run_id: Scaled(3, run_id=run_id)).build().__self__.scale == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"worker_class": Scaled(1, run_id="0")}, ["worker_class=<", "must be a class", "worker_kwargs"]),
        ({"worker_kwargs": [1]}, ["worker_kwargs=[1]", "must be a dict"]),
        ({"n_workers": 0}, ["n_workers=0", "at least 1"]),
        ({"devices": []}, ["devices=[]"]),
    ],
)
def test_bad_arguments_are_one_error_that_names_them(arguments, words):
    with pytest.raises(InvalidArgumentError) as error:
        ProcessBackend(**{"worker_class": Scaled} | arguments)
    for word in words:
        assert word in str(error.value)


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("worker_class", "worker_kwargs", "words"),
    [
        (Scaled, {"size": 2}, ["Scaled", "cannot be built with worker_kwargs={'size': 2}", "TypeError", "'scale'"]),
        (WithoutCompute, {}, ["WithoutCompute", "has no method compute"]),
        (os._exit, {"status": 3}, ["needs a child process that imports this program, but it ended with exit code 3"]),
        (Scaled, {"scale": threading.Lock()}, ["needs a child process that can be given the worker", "pickle"]),
        (lambda: None, {}, ["needs a child process that can be given the worker", "define the worker in a module"]),
    ],
)
def test_what_cannot_be_built_is_one_error_of_the_run(worker_class, worker_kwargs, words):
    backend = ProcessBackend(worker_class, n_workers=2, worker_kwargs=worker_kwargs)
    with (
        pytest.raises(InvalidArgumentError) as error,
        BOHB(SPACE, min_budget=1, max_budget=9, backend=backend) as bohb,
    ):
        bohb.run(1)
    for word in ["worker_class=<", *words]:
        assert word in str(error.value)


# A run


@pytest.mark.e2e
def test_a_run_needs_the_class_and_no_name():
    backend = ProcessBackend(Scaled, n_workers=2, worker_kwargs={"scale": 2})
    with BOHB(configspace=SPACE, min_budget=1, max_budget=9, backend=backend) as bohb:
        result = bohb.run(2)
    configs = result.get_id2config_mapping()
    assert len(result.get_all_runs()) == 13 + 4
    assert all(run.loss == 2 * configs[run.config_id]["config"]["x"] for run in result.get_all_runs())


@pytest.mark.e2e
def test_each_process_sees_one_device(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    seen = set()
    with called(ProcessBackend(Scaled, 3, {"scale": 1}, devices=["cuda:0", "cuda:1"])) as caller:
        while len(seen) < 3:  # the last may join when the first have done something already
            start = caller.submit({"x": 1})
            seen.add((start.worker, caller.end_of(start).result["info"][1]))
    assert seen == {("process_0", "4"), ("process_1", "7"), ("process_2", "4")}


# What ends a process


@pytest.mark.e2e
def test_who_takes_the_process_along_has_failed_and_another_process_takes_its_place(tmp_path):
    with called(ProcessBackend(Acts, n_workers=1, working_directory=tmp_path)) as caller:
        first = caller.outcome_of({"x": 1}).result["info"]["pid"]
        outcome = caller.outcome_of({"act": "die"})
        assert outcome.state is OutcomeState.FAILED
        assert outcome.error == "the process of the evaluation was killed by SIGKILL, perhaps for want of memory"
        assert caller.outcome_of({"x": 1}).result["info"]["pid"] != first
        assert not caller.lost


@pytest.mark.e2e
def test_a_process_that_cannot_be_replaced_is_lost_and_the_last_one_is_an_error(tmp_path):
    backend = ProcessBackend(OnlyTwice, n_workers=2, worker_kwargs={"directory": tmp_path}, working_directory=tmp_path)
    with called(backend) as caller:
        caller.outcome_of({"act": "die"})
        starts = [caller.submit({"x": 1}) for _ in range(2)]
        wait_until(lambda: caller.lost, "a worker is lost", caller.take_what_is_there)
        (lost,) = caller.lost
        assert "there are two already" in lost.reason
        (other,) = [start for start in starts if start.worker != lost.worker]
        assert caller.end_of(other).state is OutcomeState.SUCCEEDED
        caller.outcome_of({"act": "die"})
        caller.submit({"x": 1})
        for _ in range(2):
            with pytest.raises(InvalidArgumentError, match="there are two already"):
                wait_until(lambda: len(caller.lost) == 2, "it is lost", caller.take_what_is_there)
    assert not [each for each in iter(lambda: backend.next_event(0), None) if isinstance(each, WorkerLost)]


@pytest.fixture
def script(tmp_path):
    started = []

    def script(act):
        started.append(Process([str(SCRIPT), act, str(tmp_path)], tmp_path / "output.txt"))
        return started[-1]

    yield script
    for process in started:
        process.popen.kill()
        process.popen.wait()


@pytest.mark.e2e
@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, -signal.SIGINT)])
def test_no_process_outlives_the_script(script, tmp_path, number, code):
    process = script("hang")
    wait_until(lambda: len(begun(tmp_path)) == 2, "both compute")
    process.popen.send_signal(number)
    assert process.end() == code
    wait_until_gone(begun(tmp_path))
    assert process.output.count("Traceback") == (number == signal.SIGINT)  # the processes say nothing of their end


@pytest.mark.e2e
def test_a_script_that_does_not_shut_down_ends_all_the_same(script):
    process = script("succeed")
    assert process.end() == 0
    assert process.output == "4 runs\n"


@pytest.mark.e2e
def test_a_script_without_a_guard_is_told_of_it(script):
    process = script("unguarded")
    assert process.end() == 1
    assert "makes processes import this script, which begins a run as soon as it is imported" in process.output
    assert "put what the script does below `if __name__ == '__main__':`" in process.output
    assert process.output.count("Traceback") == 1  # that of the script; the processes say it in a line each
