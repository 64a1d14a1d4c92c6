"""Workers in a Dask cluster, under the contract of backends, and what is theirs alone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import ConfigSpace
import distributed
import psutil
import pytest

from hpbandster_ng.backends.dask import DaskBackend
from hpbandster_ng.engine.events import StartJob, WorkerJoined, WorkerLost
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.engine.schedule import hyperband_brackets, repeat
from hpbandster_ng.errors import CommunicationError, InvalidArgumentError
from hpbandster_ng.optimizers import BOHB
from hpbandster_ng.testing.backends import LosableWorkersContract
from hpbandster_ng.testing.calling import LIMIT, called, meanwhile, search, wait_until, wait_until_gone
from hpbandster_ng.testing.evaluations import Acts, begun, let_go_on
from tests.backends.dask_cluster import ROOT, DaskCluster
from tests.e2e.processes import Process

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SCRIPT = Path(__file__).parent / "run_on_dask.py"
SPACE = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    cluster = DaskCluster(tmp_path_factory.mktemp("dask"))
    yield cluster
    cluster.close()


@pytest.fixture
def cluster(scheduler):
    """Whose workers each test starts for itself."""
    yield scheduler
    scheduler.stop_workers()


class TestContract(LosableWorkersContract):
    close_ends_jobs = False

    @pytest.fixture(autouse=True)
    def _cluster(self, cluster):
        self.cluster = cluster

    @contextlib.contextmanager
    def opened(self, directory):
        for _ in range(self.n_workers):
            self.cluster.start_worker("--no-nanny")
        with self.cluster.client() as client:
            yield DaskBackend(client, Acts, working_directory=directory)

    def lose(self, pid):
        os.kill(pid, signal.SIGKILL)
        self.cluster.start_worker("--no-nanny")


class Placed:
    """Tells where it computes, from outside of what Dask knows of it."""

    def __init__(self, data=(), counter=None):
        self.data = data
        if counter is not None:
            (counter / f"{os.getpid()} {len(list(counter.iterdir()))}").touch()

    def compute(self, **_):
        worker = distributed.get_worker()
        return {"loss": sum(self.data), "info": [worker.address, os.getpid()]}


class Unbuildable(Acts):
    def __init__(self, directory):
        super().__init__()
        raise OSError("no such data")


class BuiltOnce(Acts):
    """Of which the first alone can be built."""

    def __init__(self, directory):
        super().__init__()
        Path(directory, "built").touch(exist_ok=False)


def run_all(backend, n_iterations=1, **settings):
    with BOHB(SPACE, min_budget=1, max_budget=9, backend=backend, **settings) as bohb:
        return bohb.run(n_iterations).get_all_runs()


# Who is in the cluster


def test_a_worker_is_built_once_in_each_process_and_stays_there_between_two_runs(cluster, tmp_path):
    for _ in range(2):
        cluster.start_worker("--no-nanny")
    with cluster.client() as client:
        client.wait_for_workers(2, LIMIT)
        backend = DaskBackend(client, Placed, {"counter": tmp_path})
        bohb = BOHB(SPACE, min_budget=1, max_budget=9, backend=backend)
        bohb.run(1, min_n_workers=2)
        bohb.shutdown()
        runs = bohb.run(1, min_n_workers=2).get_all_runs()
        bohb.shutdown(shutdown_workers=True)
        pids = {run.info[1] for run in runs}
        assert pids == set(client.run(os.getpid).values())
        assert {int(path.name.split()[0]) for path in tmp_path.iterdir()} == pids
        assert len(list(tmp_path.iterdir())) == 2
        run_all(backend)
        assert len(list(tmp_path.iterdir())) > 2  # which the shutdown of the workers has forgotten


def test_a_run_follows_the_cluster_up_and_down(tmp_path):
    events = []
    options = {"threads_per_worker": 1, "dashboard_address": ":0", "local_directory": str(tmp_path / "dask")}

    def scale():
        wait_until(lambda: len(begun(tmp_path)) == 1, "one computes")
        dask_cluster.scale(3)
        wait_until(lambda: len(begun(tmp_path)) == 3, "three compute")
        dask_cluster.scale(1)
        wait_until(lambda: sum(isinstance(event, WorkerLost) for event in events) == 2, "two are gone")
        let_go_on(tmp_path)

    with (
        distributed.LocalCluster(n_workers=1, **options) as dask_cluster,
        distributed.Client(dask_cluster) as client,
        search(DaskBackend(client, Acts, working_directory=tmp_path), events, "wait", max_attempts=1) as optimizer,
        meanwhile(scale),
    ):
        runs = optimizer.run(n_iterations=6).get_all_runs()
    assert [run.outcome for run in runs] == [OutcomeState.SUCCEEDED] * 6
    assert sum(isinstance(event, WorkerJoined) for event in events) == 3
    lost = [event for event in events if isinstance(event, WorkerLost)]
    assert [event.handed_back for event in lost] == [True] * 2
    assert sum(isinstance(event, StartJob) for event in events) == 6 + 2


@pytest.mark.parametrize(
    ("number", "options", "reason", "handed_back"),
    [
        (signal.SIGTERM, (), "it was closed: signal-15", True),
        (signal.SIGKILL, ("--no-nanny",), "its process is gone", False),
    ],
)
def test_who_was_told_to_go_hands_its_job_back(cluster, tmp_path, number, options, reason, handed_back):
    process = cluster.start_worker(*options)
    with cluster.client() as client, called(DaskBackend(client, Acts, working_directory=tmp_path)) as caller:
        caller.submit({"act": "wait"})
        wait_until(lambda: begun(tmp_path), "it computes", caller.take_what_is_there)
        process.send_signal(number)
        wait_until(lambda: caller.lost, "it is lost", caller.take_what_is_there)
        assert [(lost.reason, lost.handed_back) for lost in caller.lost] == [(reason, handed_back)]
        let_go_on(tmp_path)


def test_dask_does_not_try_again_what_its_worker_died_of_even_at_the_same_address(cluster, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    cluster.start_worker("--worker-port", port)  # whose nanny starts another one
    with cluster.client() as client, called(DaskBackend(client, Acts, working_directory=tmp_path)) as caller:
        start = caller.submit({"x": 1, "act": "wait"})
        wait_until(lambda: begun(tmp_path), "it computes", caller.take_what_is_there)
        os.kill(begun(tmp_path)[0], signal.SIGKILL)
        wait_until(lambda: caller.lost, "it is lost", caller.take_what_is_there)
        again = caller.submit({"x": 1, "act": "wait"}, attempt=2)
        assert again.worker == start.worker == f"tcp://127.0.0.1:{port}"
        let_go_on(tmp_path)
        assert caller.end_of(again).state is OutcomeState.SUCCEEDED
        assert len(begun(tmp_path)) == 2
        assert [lost.handed_back for lost in caller.lost] == [False]


def test_jobs_go_where_their_resources_are(cluster, caplog):
    cluster.start_worker("--no-nanny")
    with cluster.client() as client:
        client.wait_for_workers(1, LIMIT)
        backend = DaskBackend(client, Placed, resources={"GPU": 1})
        with called(backend) as caller:
            wait_until(lambda: caplog.messages, "there is none", caller.take_what_is_there)
            assert caplog.messages == ["none of the Dask workers offers {'GPU': 1.0}"]
            cluster.start_worker("--no-nanny", "--resources", "GPU=1", "--name", "rich")
            address, _ = caller.outcome_of({}).result["info"]
        workers = client.scheduler_info(n_workers=-1)["workers"]
        assert workers[address]["name"] == "rich"
        assert len(workers) == 2


def test_one_evaluation_at_a_time_however_many_threads_a_dask_worker_has(cluster, tmp_path):
    cluster.start_worker("--no-nanny", "--nthreads", "4")
    with cluster.client() as client:
        backend = DaskBackend(client, Acts, working_directory=tmp_path)
        with called(backend) as caller:
            caller.submit({"act": "wait"})
            wait_until(lambda: begun(tmp_path), "it computes", caller.take_what_is_there)
            backend.close(shutdown_workers=False)
            caller.start()
            client.submit(len, "four threads", pure=False).result(LIMIT)
            assert backend.next_event(0) is None  # it has not joined
            let_go_on(tmp_path)
            assert caller.outcome_of({"x": 1}).state is OutcomeState.SUCCEEDED


def test_two_runs_may_share_a_client(cluster, tmp_path):
    cluster.start_worker("--no-nanny", "--nthreads", "2")
    with cluster.client() as client:
        backends = [DaskBackend(client, Acts, working_directory=tmp_path / name) for name in "ab"]
        with called(backends[0]) as one, called(backends[1]) as other:
            waiting = [caller.submit({"x": x, "act": "wait"}) for caller, x in ((one, 1), (other, 2))]
            for name in "ab":
                wait_until(lambda name=name: begun(tmp_path / name), "it computes")
                let_go_on(tmp_path / name)
            ends = [caller.end_of(start) for caller, start in zip((one, other), waiting, strict=True)]
            assert [end.result["loss"] for end in ends] == [1, 2]


# Child processes


@pytest.mark.parametrize("time_limit", [None, LIMIT])
def test_a_child_process_ends_with_its_job_when_that_is_cancelled(cluster, tmp_path, time_limit):
    cluster.start_worker()  # with a nanny, whose processes may have no children
    with cluster.client() as client:
        backend = DaskBackend(client, Acts, working_directory=tmp_path, isolate=time_limit is None)
        with called(backend) as caller:
            assert caller.outcome_of({"act": "die"}, time_limit).state is OutcomeState.FAILED
            caller.submit({"act": "hang"}, time_limit=time_limit)
            wait_until(lambda: begun(tmp_path), "it computes", caller.take_what_is_there)
            backend.close(shutdown_workers=False)
            wait_until_gone(begun(tmp_path))
            caller.start()
            assert caller.outcome_of({"x": 1}, time_limit).state is OutcomeState.SUCCEEDED


@pytest.fixture
def script(cluster, tmp_path):
    started = []

    def script(*arguments):
        started.append(Process([str(SCRIPT), cluster.address, *arguments], tmp_path / "output.txt"))
        return started[-1]

    yield script
    for process in started:
        process.popen.kill()
        process.popen.wait()


def end_client(process, pid, client):
    process.popen.kill()


def end_dask_worker(process, pid, client):
    psutil.Process(pid).parent().kill()


def retire_dask_worker(process, pid, client):
    (address,) = [address for address, worker in client.run(os.getpid).items() if worker == psutil.Process(pid).ppid()]
    client.retire_workers([address])


@pytest.mark.parametrize("end", [end_client, end_dask_worker, retire_dask_worker])
def test_a_child_process_ends_with_its_client_and_with_its_dask_worker(cluster, script, tmp_path, end):
    for _ in range(2):
        cluster.start_worker()
    process = script("hang", str(tmp_path), "isolate")
    wait_until(lambda: len(begun(tmp_path)) == 2, "both compute")
    with cluster.client() as client:
        end(process, begun(tmp_path)[0], client)
        wait_until_gone(begun(tmp_path)[: 2 if end is end_client else 1])
        if end is end_client:
            assert client.submit(len, "free", pure=False).result(LIMIT) == 4


@pytest.mark.parametrize("isolate", [(), ("isolate",)])
def test_a_class_of_the_script_will_do(cluster, script, tmp_path, isolate):
    cluster.start_worker()
    process = script("succeed", str(tmp_path), *isolate)
    assert process.end() == 0
    assert process.output == "4 runs, all from 3 to 4: True\n"


# What cannot be


def test_what_cannot_be_built_is_one_error_of_the_run(cluster, tmp_path, caplog):
    cluster.start_worker("--no-nanny")
    with cluster.client() as client:
        for worker_class, worker_kwargs, isolate, words in [
            (Unbuildable, {"directory": "."}, False, ["Unbuildable", "cannot be built with", "OSError: no such data"]),
            (Unbuildable, {"directory": "."}, True, ["Unbuildable", "cannot be built with", "OSError: no such data"]),
            (Placed, {"data": threading.Lock()}, False, ["Placed", "cannot be sent to a Dask worker", "pickle"]),
        ]:
            with pytest.raises(InvalidArgumentError) as error:
                run_all(DaskBackend(client, worker_class, worker_kwargs, isolate=isolate))
            for word in ["worker_class=<", *words]:
                assert word in str(error.value)
        with pytest.raises(InvalidArgumentError, match=r"working_directory=.*cannot be made on this machine"):
            run_all(DaskBackend(client, Acts, working_directory="/dev/null/run"), working_directory=tmp_path)
        assert client.submit(len, "the client works", pure=False).result(LIMIT) == 16
    assert all(record.levelno == logging.WARNING for record in caplog.records)


def test_who_cannot_build_it_gets_no_jobs_if_another_one_can(cluster, tmp_path, caplog):
    with (
        cluster.client() as client,
        called(DaskBackend(client, BuiltOnce, {"directory": tmp_path}, tmp_path)) as caller,
    ):
        cluster.start_worker("--no-nanny")
        assert caller.outcome_of({"x": 1}).state is OutcomeState.SUCCEEDED
        cluster.start_worker("--no-nanny")
        wait_until(lambda: caplog.messages, "the other one cannot", caller.take_what_is_there)
        assert caller.outcome_of({"x": 1}).state is OutcomeState.SUCCEEDED
        assert not caller.lost
    (message,) = caplog.messages
    assert "gets no jobs: worker_class=<class" in message


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("sys.modules['hpbandster_ng'] = None", ["which cannot run this", "No module named"]),
        ("import hpbandster_ng; hpbandster_ng.__version__ = '0.0.1'", ["and hpbandster_ng 0.0.1; it needs Python"]),
        ("import platform; platform.python_version_tuple = lambda: ('3', '4', '0')", ["with Python 3.4 and hpb"]),
    ],
)
def test_other_packages_than_here_are_one_error(cluster, tmp_path, code, words):
    (tmp_path / "sitecustomize.py").write_text(f"import sys\n{code}\n")
    cluster.start_worker("--no-nanny", path=tmp_path)
    with cluster.client() as client, pytest.raises(InvalidArgumentError) as error:
        run_all(DaskBackend(client, Acts))
    for word in ["client=<Client: ", "has the Dask worker tcp:", *words]:
        assert word in str(error.value)


def test_a_scheduler_without_the_package_will_do(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['hpbandster_ng'] = None\n")
    with contextlib.closing(DaskCluster(tmp_path, path=tmp_path)) as cluster:
        cluster.start_worker("--no-nanny")
        with cluster.client() as client:
            assert len(run_all(DaskBackend(client, Acts, working_directory=tmp_path))) == 13


def test_a_run_outlives_a_scheduler_that_comes_back_and_ends_with_one_that_does_not(tmp_path):
    with contextlib.closing(DaskCluster(tmp_path)) as cluster:
        cluster.start_worker("--no-nanny")
        with cluster.client(timeout=6) as client:
            backend = DaskBackend(client, Acts, working_directory=tmp_path)
            with called(backend) as caller:
                caller.submit({"act": "wait"})
                wait_until(lambda: begun(tmp_path), "it computes", caller.take_what_is_there)
                cluster.stop_scheduler()
                cluster.start_scheduler(int(cluster.address.rpartition(":")[2]))
                cluster.start_worker("--no-nanny")
                assert caller.outcome_of({"x": 1}).state is OutcomeState.SUCCEEDED
                assert [lost.handed_back for lost in caller.lost] == [True]
                cluster.stop_scheduler()
                with pytest.raises(CommunicationError, match="has no scheduler any more"):
                    wait_until(lambda: False, "an error", caller.take_what_is_there)
            with pytest.raises(CommunicationError, match="has no scheduler any more"):
                run_all(backend)


def test_a_client_that_is_closed_ends_the_run_with_one_error(cluster, tmp_path):
    cluster.start_worker("--no-nanny")
    with cluster.client() as client, called(DaskBackend(client, Acts, working_directory=tmp_path)) as caller:
        caller.outcome_of({"x": 1})
        client.close()
        with pytest.raises(CommunicationError, match=r"has no scheduler any more \(it is closed\)"):
            wait_until(lambda: False, "an error", caller.take_what_is_there)


def test_bad_arguments_are_one_error_that_names_them():
    with pytest.raises(InvalidArgumentError, match=r"resources\['GPU'\]=0 must be .* greater than 0"):
        DaskBackend(None, Acts, resources={"GPU": 0})


def test_an_asynchronous_client_is_refused(cluster):
    async def run():
        async with distributed.Client(cluster.address, asynchronous=True) as client:
            with pytest.raises(InvalidArgumentError, match=r"client=<Client.* must not be asynchronous"):
                DaskBackend(client, Acts).start(time.monotonic)

    asyncio.run(run())


def test_absent_dask_is_an_extra_that_is_missing():
    code = "import sys; sys.modules['distributed'] = None; import hpbandster_ng.backends.dask"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "DaskBackend needs distributed; install it with: pip install 'hpbandster_ng[dask]'" in done.stderr


# What the documentation shows


def test_the_session_of_the_page(tmp_path):
    text = (ROOT / "docs" / "dask.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    (tmp_path / "my_script.py").write_text(script, encoding="utf-8")
    session = "".join(re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL))
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": programs, "PYTHONPATH": str(ROOT)}
    output = tmp_path / "output.txt"
    with output.open("wb") as sink:
        subprocess.run(
            ["bash", "-e", "-c", session],
            cwd=tmp_path,
            env=environment,
            stdout=sink,
            stderr=sink,
            timeout=100,
            check=True,
        )
    planned = repeat(hyperband_brackets(1, 27), 0, 8)
    assert f"{planned.num_runs} evaluations\n" in output.read_text(encoding="utf-8")
