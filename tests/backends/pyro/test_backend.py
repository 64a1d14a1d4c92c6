"""Masters and workers in one process over real sockets: broken connections, strangers, and what is left behind."""

from __future__ import annotations

import gc
import logging
import os
import socket
import threading
import time
from contextlib import ExitStack

import ConfigSpace
import psutil
import Pyro4
import pytest

from hpbandster_ng.backends.pyro import client as client_module
from hpbandster_ng.backends.pyro.access import Access
from hpbandster_ng.backends.pyro.backend import PyroBackend
from hpbandster_ng.backends.pyro.client import DeskClient
from hpbandster_ng.backends.pyro.nameserver import dispatcher_name, locate_nameserver, lookup
from hpbandster_ng.backends.pyro.server import DaemonThread
from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.engine.events import JobFinished, StartJob, WorkerJoined, WorkerLost
from hpbandster_ng.engine.records import Job, Outcome, OutcomeState
from hpbandster_ng.errors import CommunicationError, InvalidArgumentError, MasterExistsError, NameServerError
from hpbandster_ng.optimizers.hyperband import HyperBand
from hpbandster_ng.optimizers.randomsearch import RandomSearch
from tests.waiting import wait_until

LIMIT = 20.0
SPACE = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
JOB = Job((0, 0, 0), 1.0, {"x": 0.5}, {})


class Toy(Worker):
    def compute(self, config_id, config, budget, working_directory):
        return {"loss": config["x"], "info": {}}


class Gated(Worker):
    """Computes until told to go on."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.begun, self.go = threading.Event(), threading.Event()

    def compute(self, config_id, config, budget, working_directory):
        self.begun.set()
        assert self.go.wait(LIMIT)
        return {"loss": config["x"], "info": {}}


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def nameserver(stack):
    return stack.enter_context(NameServer("run", port=0))


@pytest.fixture
def start_worker(stack, nameserver):
    def start_worker(kind=Toy, **options):
        worker = kind("run", nameserver_port=nameserver.port, **options)
        worker.run(background=True)
        stack.callback(worker.shutdown)
        return worker

    return start_worker


@pytest.fixture
def backend(stack, nameserver):
    backend = PyroBackend("run", nameserver_port=nameserver.port)
    backend.start(time.time)
    stack.callback(backend.close, shutdown_workers=True)
    return backend


def next_events(backend, *kinds):
    """The next happenings, which must be of these kinds."""
    found = []
    deadline = time.monotonic() + LIMIT
    while len(found) < len(kinds) and time.monotonic() < deadline:
        event = backend.next_event(0.1)
        if event is not None:
            found.append(event)
            backend.acknowledge(event)
    assert [type(event) for event in found] == list(kinds)
    return found


def break_connections(backend):
    """As a network does that loses its state: both ends find their sockets closed."""
    for thread in list(backend._thread._daemon.transportServer.pool.busy):
        thread.job.csock.hang_up()


def connection_of(backend, worker):
    with backend._desk._lock:
        member = backend._desk._members.get(worker.worker_id)
        return None if member is None else member.connection


def submit(backend, worker, number=1):
    backend.submit(StartJob(time.time(), JOB.config_id, JOB.budget, number, worker), JOB)


def test_a_result_survives_a_connection_that_breaks_in_mid_job(backend, start_worker):
    worker = start_worker(Gated)
    next_events(backend, WorkerJoined)
    submit(backend, worker.worker_id)
    assert worker.begun.wait(LIMIT)
    break_connections(backend)
    worker.go.set()
    (finished,) = next_events(backend, JobFinished)
    assert finished.outcome.result == {"loss": 0.5, "info": {}}


def test_a_long_job_survives_too_since_its_heartbeat_connects_anew(backend, start_worker):
    worker = start_worker(Gated)
    next_events(backend, WorkerJoined)
    submit(backend, worker.worker_id)
    assert worker.begun.wait(LIMIT)
    break_connections(backend)
    give_up = time.monotonic() + 4.0  # longer than the master waits for a worker to come back
    while time.monotonic() < give_up:
        assert backend.next_event(0.1) is None
    worker.go.set()
    next_events(backend, JobFinished)


def test_an_idle_worker_comes_back_after_a_broken_connection(backend, start_worker):
    worker = start_worker()
    next_events(backend, WorkerJoined)
    broken = connection_of(backend, worker)
    break_connections(backend)
    wait_until(lambda: connection_of(backend, worker) not in (None, broken), "the worker connects anew", LIMIT)
    happened = [type(event) for event in iter(lambda: backend.next_event(0.0), None)]
    assert happened in ([], [WorkerLost, WorkerJoined])  # nothing where the worker noticed before the master did
    submit(backend, worker.worker_id)
    next_events(backend, JobFinished)


def test_a_user_who_stops_a_worker_in_a_long_job_does_not_stop_its_heartbeats(nameserver, stack, start_worker):
    backend = PyroBackend("run", nameserver_port=nameserver.port, ping_interval=1)
    backend.start(time.time)
    stack.callback(backend.close, shutdown_workers=True)
    worker = start_worker(Gated)
    next_events(backend, WorkerJoined)
    submit(backend, worker.worker_id)
    assert worker.begun.wait(LIMIT)
    stopping = threading.Thread(target=worker.shutdown)
    stopping.start()
    give_up = time.monotonic() + 4.5  # longer than a silent worker is borne
    while time.monotonic() < give_up:
        assert backend.next_event(0.1) is None
    worker.go.set()
    next_events(backend, JobFinished, WorkerLost)
    stopping.join(LIMIT)


def test_an_idle_worker_is_not_silent_however_short_the_ping_interval(nameserver, stack, start_worker):
    backend = PyroBackend("run", nameserver_port=nameserver.port, ping_interval=0.1)
    backend.start(time.time)
    stack.callback(backend.close, shutdown_workers=True)
    start_worker()
    next_events(backend, WorkerJoined)
    give_up = time.monotonic() + 4.0
    while time.monotonic() < give_up:
        assert backend.next_event(0.1) is None


def test_a_silent_worker_is_found_out_though_others_keep_the_master_busy(backend, monkeypatch):
    """Looking for the silent must not depend on a moment without events."""
    looks = []
    finished = JobFinished(0.0, (0, 0, 0), 1.0, 1, "w", Outcome(OutcomeState.FAILED))
    monkeypatch.setattr(backend._desk, "drop_silent", lambda: looks.append(1))
    deadline = time.monotonic() + LIMIT
    while len(looks) < 3 and time.monotonic() < deadline:
        backend._desk.emit(finished)
        assert backend.next_event(1.0) is finished
    assert len(looks) == 3


def test_a_worker_that_is_shut_down_while_idle_ends_at_once(backend, start_worker):
    worker = start_worker()
    next_events(backend, WorkerJoined)
    begin = time.monotonic()
    worker.shutdown()
    assert time.monotonic() - begin < 2.0
    (lost,) = next_events(backend, WorkerLost)
    assert lost.reason == "it left"


def test_a_nameserver_that_goes_away_between_two_calls_does_not_end_a_worker(monkeypatch, nameserver, start_worker):
    calls = []

    def failing_first(proxy, name):
        calls.append(name)
        if len(calls) == 1:
            raise NameServerError("it went away")
        return lookup(proxy, name)

    monkeypatch.setattr(client_module, "lookup", failing_first)
    start_worker()
    with RandomSearch(SPACE, run_id="run", nameserver_port=nameserver.port, worker_timeout=LIMIT) as master:
        assert len(master.run(1).get_all_runs()) == 1


class FailingDesk:
    """Breaks whenever a large report comes."""

    def __init__(self, order):
        self.order = order
        self.reports = []

    def join(self, worker, token):
        return ""

    def exchange(self, worker, token, report, wait):
        if report is None:
            return self.order
        self.reports.append(report)
        if len(report) > 10_000:
            raise Pyro4.errors.TimeoutError("sending took too long")
        return "shutdown"

    def leave(self, worker, token, reason, hands_back):
        pass

    def _pyroRelease(self):
        pass


def test_a_report_that_never_gets_through_becomes_a_failure(monkeypatch):
    from hpbandster_ng.backends.pyro.wire import Attempt, Order, decode_report, encode_order

    desk = FailingDesk(encode_order(Order(Attempt((0, 0, 0), 1.0, 1, "s"), {}, ".")))
    outcome = Outcome(OutcomeState.SUCCEEDED, {"loss": 0.0, "info": "a" * 20_000})
    client = DeskClient("run", "w", lambda: (None, None), lambda order: outcome, None, logging.getLogger("test"))
    monkeypatch.setattr(client, "_nameserver_at", lambda patience: desk)
    monkeypatch.setattr(client_module, "lookup", lambda nameserver, name: "somewhere")
    monkeypatch.setattr(client_module, "proxy_to", lambda location, timeout, secret: desk)
    client.run()
    assert len(desk.reports) == 4
    _, arrived = decode_report(desk.reports[-1])
    assert arrived.state is OutcomeState.INVALID
    assert "3 times the connection broke" in arrived.error


def test_a_worker_warns_once_of_a_master_that_it_cannot_reach(monkeypatch, nameserver, caplog):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        location = f"PYRO:desk@127.0.0.1:{closed.getsockname()[1]}"
        with locate_nameserver("127.0.0.1", nameserver.port, 0, Access("run")) as proxy:
            proxy.register(dispatcher_name("run"), location)
        monkeypatch.setattr(client_module, "_WARN_AFTER", 0.1)
        client = DeskClient(
            "run", "w", lambda: ("127.0.0.1", nameserver.port), None, 1.5, logging.getLogger("hpbandster_ng")
        )
        client.run()
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "has a master at" in warnings[0]
    assert "which does not answer" in warnings[0]


# Strangers on the network


def strangers(address, count=40):
    """Connections of all bad kinds, left open."""
    found = []
    for i in range(count):
        stranger = socket.create_connection(address, timeout=5)
        if i % 3:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n" if i % 3 == 1 else os.urandom(100))
        found.append(stranger)
    return found


def test_strangers_that_stay_silent_or_send_garbage_stop_nobody(backend, nameserver, start_worker, stack):
    location = Pyro4.URI(backend._location)
    addresses = [(nameserver.host, nameserver.port), (location.host, location.port)]
    for address in addresses * 2:
        for stranger in strangers(address, 50):
            stack.callback(stranger.close)
    worker = start_worker()
    next_events(backend, WorkerJoined)
    begin = time.monotonic()
    submit(backend, worker.worker_id)
    next_events(backend, JobFinished)
    assert time.monotonic() - begin < 2.0
    begin = time.monotonic()
    backend.close(shutdown_workers=True)
    nameserver.shutdown()
    assert time.monotonic() - begin < 5.0  # nor do they hold up the end


# What is there once


def test_a_second_master_is_refused_and_a_dead_one_replaced(backend, nameserver):
    second = PyroBackend("run", nameserver_port=nameserver.port)
    with pytest.raises(MasterExistsError, match="run_id='run' has a living master already"):
        second.start(time.time)
    second.close(shutdown_workers=True)
    with locate_nameserver("127.0.0.1", nameserver.port, 0, Access("run")) as proxy:
        assert lookup(proxy, dispatcher_name("run")) == backend._location
        backend.close(shutdown_workers=False)
        proxy.register(dispatcher_name("run"), "PYRO:obj_dead@127.0.0.1:1")
    second.start(time.time)
    second.close(shutdown_workers=False)


def test_a_closing_master_leaves_the_entry_of_its_successor_alone(nameserver):
    backend = PyroBackend("run", nameserver_port=nameserver.port)
    backend.start(time.time)
    with locate_nameserver("127.0.0.1", nameserver.port, 0, Access("run")) as proxy:
        proxy.register(dispatcher_name("run"), "PYRO:successor@127.0.0.1:1")
        backend.close(shutdown_workers=False)
        assert str(lookup(proxy, dispatcher_name("run"))) == "PYRO:successor@127.0.0.1:1"


def test_a_nameserver_that_was_restarted_learns_of_the_master_again(nameserver, monkeypatch):
    monkeypatch.setattr("hpbandster_ng.backends.pyro.backend._RENEWAL_INTERVAL", 0.1)
    backend = PyroBackend("run", nameserver_port=nameserver.port)
    backend.start(time.time)
    nameserver.shutdown()
    nameserver.start()
    with locate_nameserver("127.0.0.1", nameserver.port, 0, Access("run")) as proxy:
        wait_until(
            lambda: lookup(proxy, dispatcher_name("run")) == backend._location, "the master is known again", LIMIT
        )
        backend.close(shutdown_workers=False)
        assert lookup(proxy, dispatcher_name("run")) is None


@pytest.mark.parametrize("host", ["203.0.113.1", "no-such-host.invalid", "a b", "x" * 100, "a@b:c"])
def test_a_host_that_is_not_this_machines_is_one_error_and_nothing_is_left(nameserver, host):
    begin = time.monotonic()
    with pytest.raises(CommunicationError, match="cannot listen on host="):
        PyroBackend("run", nameserver_port=nameserver.port, host=host).start(time.time)
    assert time.monotonic() - begin < 10.0
    with locate_nameserver("127.0.0.1", nameserver.port, 0, Access("run")) as proxy:
        assert lookup(proxy, dispatcher_name("run")) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid", "a b", "x" * 100, "a@b:c", "[::1"])
def test_a_nameserver_that_does_not_answer_is_one_error_within_ten_seconds(host):
    begin = time.monotonic()
    with pytest.raises(NameServerError, match=r"no nameserver answers at nameserver=.*, nameserver_port=1 "):
        locate_nameserver(host, 1, 0, Access("run", insecure=True))
    assert time.monotonic() - begin < 10.0


@pytest.mark.parametrize("port", [-1, 65536, 1.5, "9090", True])
def test_a_port_is_a_port(port):
    with pytest.raises(InvalidArgumentError, match=r"nameserver_port=.* must be a whole number from 0 to 65535"):
        PyroBackend("run", nameserver_port=port)


@pytest.mark.filterwarnings("ignore:insecure=True:RuntimeWarning")
@pytest.mark.parametrize(
    ("insecure", "words"), [(False, "is not the nameserver of run_id='run'"), (True, "no nameserver answers")]
)
def test_a_silent_service_in_place_of_a_nameserver_is_one_error_in_time(monkeypatch, insecure, words):
    monkeypatch.setattr("hpbandster_ng.backends.pyro.nameserver.HANDSHAKE_TIMEOUT", 0.5)
    monkeypatch.setattr("hpbandster_ng.backends.pyro.backend.PATIENCE", 0.3)
    monkeypatch.setattr("hpbandster_ng.backends.pyro.backend.PATIENCE_WITH_BUSY", 1.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begin = time.monotonic()
        with pytest.raises(NameServerError, match=words):
            RandomSearch(SPACE, run_id="run", nameserver_port=silent.getsockname()[1], insecure=insecure).run(1)
        assert time.monotonic() - begin < 10.0


# What is left behind


def own_threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(("hpbandster", "Pyro", "house"))]


def test_a_daemon_can_be_closed_as_soon_as_it_was_started():
    for _ in range(5):
        thread = DaemonThread(Pyro4.Daemon(host="127.0.0.1"), "hpbandster-test")
        thread.start()
        thread.close()
    wait_until(lambda: not own_threads(), "the end of all threads", 2.0)


def test_nothing_is_left_of_a_run(stack):
    gc.collect()
    sockets = len(psutil.Process().net_connections())
    with NameServer("run", port=0) as nameserver:
        worker = Toy("run", nameserver_port=nameserver.port)
        worker.run(background=True)
        with HyperBand(SPACE, min_budget=1, max_budget=9, run_id="run", nameserver_port=nameserver.port) as master:
            master.run(1)
        worker.shutdown()
    wait_until(lambda: not own_threads(), "the end of all threads", 2.0)
    assert len(psutil.Process().net_connections()) == sockets


def test_nothing_is_left_of_a_master_that_leaves_its_workers_behind(nameserver, start_worker):
    start_worker()
    with RandomSearch(SPACE, run_id="run", nameserver_port=nameserver.port, shutdown_workers=False) as master:
        master.run(1)
    assert not [name for name in own_threads() if "dispatcher" in name]


def test_nothing_is_left_of_a_master_that_could_not_start(monkeypatch):
    monkeypatch.setattr("hpbandster_ng.backends.pyro.backend.PATIENCE", 0.3)
    with pytest.raises(NameServerError), RandomSearch(SPACE, run_id="run", nameserver_port=1) as master:
        master.run(1)
    wait_until(lambda: not own_threads(), "the end of all threads", 2.0)


@pytest.mark.slow
def test_file_descriptors_do_not_grow_over_twenty_runs():
    process = psutil.Process()

    def run(i):
        with NameServer(f"run{i}", port=0) as nameserver:
            worker = Toy(f"run{i}", nameserver_port=nameserver.port)
            worker.run(background=True)
            with RandomSearch(SPACE, run_id=f"run{i}", nameserver_port=nameserver.port) as master:
                master.run(2)
            worker.shutdown()

    run(0)
    gc.collect()
    before = process.num_fds(), len(threading.enumerate())
    for i in range(1, 21):
        run(i)
    wait_until(
        lambda: process.num_fds() <= before[0] and len(threading.enumerate()) <= before[1],
        "what was there before the runs",
        5.0,
    )


def test_one_worker_serves_several_masters_in_a_row(nameserver, start_worker):
    start_worker()
    for seed in range(4):
        with RandomSearch(
            SPACE, run_id="run", nameserver_port=nameserver.port, shutdown_workers=False, worker_timeout=20, seed=seed
        ) as master:
            assert len(master.run(1).get_all_runs()) == 1
