"""A nameserver and a dispatcher of one run, over real sockets, and all who do not belong there."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import pickle
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import ConfigSpace
import Pyro4
import pytest
import serpent
from hypothesis import given, settings
from hypothesis import strategies as st
from Pyro4 import message, socketutil, util

from hpbandster_ng.backends.pyro import certificates
from hpbandster_ng.backends.pyro.access import Access
from hpbandster_ng.backends.pyro.backend import PyroBackend
from hpbandster_ng.backends.pyro.certificates import mint
from hpbandster_ng.backends.pyro.credentials import (
    credentials_path,
    make_runtime_folder,
    read_secret,
    runtime_path,
    write_credentials,
)
from hpbandster_ng.backends.pyro.nameserver import NameServerThread, dispatcher_name, locate_nameserver, lookup
from hpbandster_ng.backends.pyro.proxy import proxy_to
from hpbandster_ng.backends.pyro.settings import MAX_MESSAGE_BYTES
from hpbandster_ng.core.dispatcher import Dispatcher
from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.engine.pool import Pool
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.errors import (
    CredentialsError,
    InvalidArgumentError,
    MissingCredentialsError,
    NameServerBusyError,
    NameServerError,
    WorkerRefusedError,
)
from hpbandster_ng.optimizers.randomsearch import RandomSearch
from tests.waiting import LIMIT, wait_until

SPACE = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
OPEN = pytest.warns(RuntimeWarning, match="insecure=True: whoever reaches the ports of this run")


class Toy(Worker):
    def compute(self, config_id, config, budget, working_directory):
        return {"loss": config["x"], "info": {}}


class Run:
    """A nameserver and a dispatcher, and who has what it takes to talk to them."""

    def __init__(self, nameserver, backend):
        self.nameserver = nameserver
        self.backend = backend
        self.access = Access("run")
        self.access.look(nameserver.port)
        self.addresses = {
            "nameserver": f"PYRO:Pyro.NameServer@{nameserver.host}:{nameserver.port}",
            "nameserver's daemon": f"PYRO:Pyro.Daemon@{nameserver.host}:{nameserver.port}",
            "dispatcher": str(backend._location),
            "dispatcher's daemon": f"PYRO:Pyro.Daemon@{backend._location.location}",
        }

    def proxy(self, door, secret):
        return proxy_to(self.addresses[door], 10.0, secret)

    def connect(self, door, secret):
        """A socket, the handshake of TLS done."""
        uri = Pyro4.URI(self.addresses[door])
        return secret.for_clients.wrap_socket(socket.create_connection((uri.host, uri.port), 10.0))


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def run(stack):
    nameserver = stack.enter_context(NameServer("run", port=0))
    backend = PyroBackend("run", nameserver_port=nameserver.port)
    backend.start(time.time)
    stack.callback(backend.close, shutdown_workers=True)
    return Run(nameserver, backend)


CALLS = [
    ("nameserver", "ping", ()),
    ("nameserver", "list", ()),
    ("nameserver", "lookup", (dispatcher_name("run"),)),
    ("nameserver", "register", (dispatcher_name("run"), "PYRO:mine@127.0.0.1:1")),
    ("nameserver", "remove", (dispatcher_name("run"),)),
    ("nameserver's daemon", "registered", ()),
    ("dispatcher", "ping", ()),
    ("dispatcher", "versions", ()),
    ("dispatcher", "join", ("stranger", "token")),
    ("dispatcher", "exchange", ("stranger", "token", None, 0.0)),
    ("dispatcher", "leave", ("stranger", "token", "reason")),
    ("dispatcher's daemon", "info", ()),
]

OTHER = mint()
STRANGERS = {
    lambda secret: None: "without a secret",
    lambda secret: OTHER: "with another run's",
    lambda secret: replace(OTHER, authority=secret.authority): "with another run's, believing this one's server",
}


@pytest.mark.parametrize(("door", "method", "arguments"), CALLS)
@pytest.mark.parametrize("stranger", STRANGERS, ids=STRANGERS.get)
def test_a_stranger_can_call_nothing(run, door, method, arguments, stranger):
    with run.proxy(door, stranger(run.access.secret)) as proxy, pytest.raises(Pyro4.errors.PyroError) as error:
        proxy._pyroInvoke(method, arguments, {})
    assert isinstance(error.value, Pyro4.errors.SecurityError | Pyro4.errors.CommunicationError)
    with run.proxy(door, run.access.secret) as proxy:
        proxy._pyroInvoke(method, arguments, {})  # which a member can


def test_pyros_own_tools_find_no_way_in(run):
    with Pyro4.Proxy(run.addresses["nameserver"]) as proxy, pytest.raises(Pyro4.errors.CommunicationError):
        proxy.list()
    with pytest.raises(Pyro4.errors.NamingError):
        Pyro4.locateNS(run.nameserver.host, run.nameserver.port, broadcast=False)


def test_a_run_whose_certificate_has_expired_is_closed_to_all(stack, monkeypatch):
    monkeypatch.setattr(certificates, "_VALIDITY", -certificates.CLOCK_SKEW / 2)
    nameserver = stack.enter_context(NameServer("run", port=0))
    with pytest.raises(CredentialsError, match="certificate has expired"):
        locate_nameserver(nameserver.host, nameserver.port, 0, Access("run"))


# A conversation that somebody has recorded


class Recorder:
    """Stands between a client and a server, and keeps what the client sends."""

    def __init__(self, address):
        self.address = address
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sent = bytearray()
        self.thread = threading.Thread(target=self.relay)
        self.thread.start()

    def relay(self):
        client, _ = self.listener.accept()
        server = socket.create_connection(self.address)
        back = threading.Thread(target=self.pump, args=(server, client, bytearray()))
        back.start()
        self.pump(client, server, self.sent)
        back.join()
        for sock in (client, server, self.listener):
            sock.close()

    @staticmethod
    def pump(source, target, kept):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                kept += data
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


def replay(address, recorded):
    """Send it again; what the server does with it is over when it hangs up."""
    with socket.create_connection(address, 10.0) as sock, contextlib.suppress(ConnectionError):
        sock.sendall(recorded)
        while sock.recv(65536):
            pass


def test_a_conversation_that_is_sent_again_does_nothing(run):
    uri = run.backend._location
    recorder = Recorder((uri.host, uri.port))
    with proxy_to(f"PYRO:{uri.object}@127.0.0.1:{recorder.port}", 10.0, run.access.secret) as proxy:
        assert proxy.join("member", "token") == ""
        proxy.leave("member", "token", "it left")
    recorder.thread.join()
    happenings = [type(event).__name__ for event in iter(lambda: run.backend.next_event(0.0), None)]
    assert happenings == ["WorkerJoined", "WorkerLost"]
    replay((uri.host, uri.port), bytes(recorder.sent))
    assert run.backend.next_event(0.1) is None


def test_the_recording_shows_what_happens_where_there_is_no_secret(stack):
    """So that the test above can fail: in an open run the same bytes do the same again."""
    with OPEN:
        nameserver = stack.enter_context(NameServer("run", port=0, insecure=True))
        backend = PyroBackend("run", nameserver_port=nameserver.port, insecure=True)
        backend.start(time.time)
    stack.callback(backend.close, shutdown_workers=True)
    uri = backend._location
    recorder = Recorder((uri.host, uri.port))
    with proxy_to(f"PYRO:{uri.object}@127.0.0.1:{recorder.port}", 10.0, None) as proxy:
        proxy.join("member", "token")
        proxy.leave("member", "token", "it left")
    recorder.thread.join()
    with socket.create_connection((uri.host, uri.port), 10.0) as sock:
        sock.sendall(bytes(recorder.sent))
        wait_until(lambda: backend._desk._happenings.qsize() == 4, "it happens twice")


# What members may send


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("kind", [message.MSG_CONNECT, message.MSG_INVOKE])
@pytest.mark.parametrize("door", ["nameserver", "dispatcher"])
def test_no_pickle_is_read_even_from_a_member(run, door, kind, tmp_path):
    payload = pickle.dumps(Touch(tmp_path / "made"))
    with run.connect(door, run.access.secret) as sock:
        connection = socketutil.SocketConnection(sock, keep_open=True)
        if kind == message.MSG_INVOKE:
            send(connection, message.MSG_CONNECT, serpent.dumps({"handshake": "hello"}), "serpent")
            assert message.Message.recv(connection).type == message.MSG_CONNECTOK
        send(connection, kind, payload, "pickle")
        with contextlib.suppress(Pyro4.errors.ConnectionClosedError):
            answer = message.Message.recv(connection)
            assert answer.type == message.MSG_CONNECTFAIL or answer.flags & message.FLAGS_EXCEPTION
    assert not (tmp_path / "made").exists()
    pickle.loads(payload)
    assert (tmp_path / "made").exists()


def send(connection, kind, data, serializer, flags=0, annotations=None):
    number = util.get_serializer(serializer).serializer_id
    connection.send(message.Message(kind, data, number, flags, 0, annotations).to_bytes())


def test_no_marshal_is_read_either(run):
    """Pyro4 reads it in a kind of message that nobody here sends; bad marshal may end the process."""
    with run.connect("dispatcher", run.access.secret) as sock:
        connection = socketutil.SocketConnection(sock, keep_open=True)
        send(connection, message.MSG_CONNECT, serpent.dumps({"handshake": "hello"}), "serpent")
        message.Message.recv(connection)
        send(connection, message.MSG_INVOKE, b"", "serpent", message.FLAGS_KEEPSERIALIZED, {"BLBI": b"\xff" * 10})
        assert b"serialized blobs are not accepted" in message.Message.recv(connection).data


@pytest.mark.parametrize("serializer", ["pickle", "marshal", "dill", "cloudpickle", "json"])
def test_a_client_reads_no_other_serializer_from_whoever_answers(serializer, tmp_path):
    """Pyro4's own proxy reads the first answer by whatever serializer the server names."""
    payload = pickle.dumps(Touch(tmp_path / "made"))
    number = {"dill": 5, "cloudpickle": 7}.get(serializer) or util.get_serializer(serializer).serializer_id
    answer = message.Message(message.MSG_CONNECTOK, payload, number, 0, 0).to_bytes()

    def serve(listener):
        with listener.accept()[0] as sock:
            sock.sendall(answer)
            sock.recv(65536)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        location = f"PYRO:desk@127.0.0.1:{listener.getsockname()[1]}"
        refused = pytest.raises(Pyro4.errors.CommunicationError, match="does not keep to the serializer")
        with proxy_to(location, 10.0, None) as proxy, refused:
            proxy.ping()
        thread.join()
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "write",
    [serpent.dumps, pickle.dumps, copy.copy, util.get_serializer("json").dumps],
    ids=["serpent", "pickle", "copy", "json"],
)
def test_a_proxy_is_never_sent(run, write):
    with run.proxy("nameserver", run.access.secret) as proxy, pytest.raises(TypeError):
        write(proxy)


def test_what_the_nameserver_tells_is_an_address(run):
    with run.proxy("nameserver", run.access.secret) as proxy:
        assert type(lookup(proxy, dispatcher_name("run"))) is Pyro4.URI


def test_a_message_that_is_too_large_ends_its_connection_and_nobody_elses(run):
    with run.proxy("dispatcher", run.access.secret) as other:
        other.ping()
        with run.connect("dispatcher", run.access.secret) as sock:
            connection = socketutil.SocketConnection(sock, keep_open=True)
            send(connection, message.MSG_CONNECT, serpent.dumps({"handshake": "hello"}), "serpent")
            message.Message.recv(connection)
            header = message.Message(message.MSG_INVOKE, b"", 1, 0, 0)
            header.data_size = 3 * MAX_MESSAGE_BYTES + 1
            connection.send(header.to_bytes())
            with pytest.raises(Pyro4.errors.ConnectionClosedError):
                connection.recv(1)
        other.ping()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["loss", "info", "__tuple__"]), inner),
    max_leaves=8,
)
SESSION = "the session of the master"
REPORTS = (
    st.text()
    | VALUES.map(json.dumps)
    | st.tuples(
        st.tuples(VALUES, VALUES, VALUES, VALUES | st.just(SESSION)),
        VALUES | st.sampled_from([state.value for state in OutcomeState]),
        VALUES,
        VALUES,
    ).map(json.dumps)
)


def test_whatever_a_member_reports_the_desk_goes_on(run):
    pool = Pool()
    with run.proxy("dispatcher", run.access.secret) as desk:
        desk.join("member", "token")

        @settings(deadline=None)
        @given(report=REPORTS)
        def report_it(report):
            with contextlib.suppress(Pyro4.errors.PyroError):
                desk.exchange("member", "token", report.replace(SESSION, run.backend._desk.session), None)
            while (happening := run.backend.next_event(0.0)) is not None:
                pool.apply(happening)

        report_it()
        assert list(pool.workers) == ["member"]
        desk.leave("member", "token", "it left")
    (lost,) = iter(lambda: run.backend.next_event(0.0), None)
    pool.apply(lost)


class Talker(Worker):
    def compute(self, config_id, config, budget, working_directory):
        return {"loss": 0.5, "info": "x" * 300_000}


@pytest.mark.parametrize(
    ("of_worker", "of_master", "reason"),
    [
        (64 * 1024, 64 * 1024, "more than the 65,536 that can be sent"),
        (1024 * 1024, 64 * 1024, "the result could not be delivered: 3 times the connection broke"),
        (1024 * 1024, 1024 * 1024, None),
    ],
)
def test_a_result_beyond_the_users_limit_is_a_failure_that_says_so(stack, of_worker, of_master, reason):
    nameserver = stack.enter_context(NameServer("run", port=0))
    worker = Talker("run", nameserver_port=nameserver.port, max_message_bytes=of_worker)
    worker.run(background=True)
    stack.callback(worker.shutdown)
    options = {"nameserver_port": nameserver.port, "max_message_bytes": of_master, "worker_timeout": 20}
    with RandomSearch(SPACE, run_id="run", **options) as master:
        (run,) = master.run(1).get_all_runs()
    if reason is None:
        assert len(run.info) == 300_000
    else:
        assert reason in run.error_logs


@pytest.mark.parametrize("limit", [0, 1000, 2**30, 1e6, True, None])
def test_a_limit_is_a_number_of_bytes(limit):
    for make in (lambda: Toy("run", max_message_bytes=limit), lambda: PyroBackend("run", max_message_bytes=limit)):
        with pytest.raises(InvalidArgumentError, match=r"max_message_bytes=.* must be a whole number from 65536 to"):
            make()


# Who comes to the wrong run


def test_a_worker_of_another_run_is_told_so(run, monkeypatch):
    monkeypatch.setattr("hpbandster_ng.backends.pyro.client.PATIENCE", 0.3)
    with pytest.raises(WorkerRefusedError, match=r"is not the nameserver of run_id='other'.* no credentials") as error:
        Toy("other", nameserver_port=run.nameserver.port).run()
    assert isinstance(error.value.__cause__, MissingCredentialsError)
    assert "\n" not in str(error.value)


def test_a_worker_without_nameserver_is_not_refused(free_port, monkeypatch):
    monkeypatch.setattr("hpbandster_ng.backends.pyro.client.PATIENCE", 0.3)
    with pytest.raises(NameServerError, match=r"no nameserver answers .* no credentials of run_id='other'"):
        Toy("other", nameserver_port=free_port).run()


def test_a_worker_is_patient_with_a_nameserver_that_is_busy(monkeypatch, stack):
    monkeypatch.setattr("hpbandster_ng.backends.pyro.client.PATIENCE", 0.3)
    monkeypatch.setattr("hpbandster_ng.backends.pyro.nameserver.HANDSHAKE_TIMEOUT", 0.2)
    secret, thread = mint(), NameServerThread("127.0.0.1", 0)
    thread.listen()
    stack.callback(thread.shutdown)
    path = runtime_path(make_runtime_folder(), "busy", thread.port)
    write_credentials(path, thread.host, thread.port, secret)
    stack.callback(path.unlink)
    looks = []
    look = Access.look
    monkeypatch.setattr(Access, "look", lambda access, port: looks.append(port) or look(access, port))
    worker = Toy("busy", nameserver_port=thread.port)
    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(worker.run, background=True)
        wait_until(lambda: len(looks) > 4, "it has tried for longer than its patience with one that is not there")
        monkeypatch.setattr("hpbandster_ng.backends.pyro.nameserver.HANDSHAKE_TIMEOUT", 10.0)
        thread.serve(secret)
        started.result(LIMIT)
    worker.shutdown()


def test_the_patience_with_a_busy_nameserver_has_an_end(monkeypatch):
    monkeypatch.setattr("hpbandster_ng.backends.pyro.client.PATIENCE", 0.3)
    monkeypatch.setattr("hpbandster_ng.backends.pyro.client.PATIENCE_WITH_BUSY", 1.0)
    monkeypatch.setattr("hpbandster_ng.backends.pyro.nameserver.HANDSHAKE_TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent, OPEN:
        worker = Toy("busy", nameserver_port=silent.getsockname()[1], insecure=True)
        with pytest.raises(NameServerBusyError, match="no nameserver answers"):
            worker.run()


def test_a_worker_with_stale_credentials_is_told_so_at_once(run, tmp_path):
    write_credentials(credentials_path(tmp_path, "run"), run.nameserver.host, run.nameserver.port, mint())
    worker = Toy("run")
    worker.load_nameserver_credentials(tmp_path)
    begin = time.monotonic()
    with pytest.raises(WorkerRefusedError, match=r"is not the nameserver of run_id='run', or has other credentials"):
        worker.run()
    assert time.monotonic() - begin < 5.0  # its patience is for nameservers that are to come


def test_a_worker_whose_nameserver_is_another_runs_by_now_ends(run, stack, caplog, monkeypatch):
    worker = Toy("run", nameserver_port=run.nameserver.port)
    worker.run(background=True)
    wait_until(lambda: run.backend.next_event(0.1) is not None, "the worker joins")
    run.backend.close(shutdown_workers=False)
    run.nameserver.shutdown()
    stack.enter_context(NameServer("other", port=run.nameserver.port))
    worker._thread.join(20.0)
    assert not worker._thread.is_alive()
    assert "is not the nameserver of run_id='run'" in caplog.text


def test_a_worker_that_has_lost_its_nameserver_for_long_enough_ends(run, caplog, monkeypatch):
    worker = Toy("run", nameserver_port=run.nameserver.port, lost_after=1.5)
    worker.run(background=True)
    wait_until(lambda: run.backend.next_event(0.1) is not None, "the worker joins")
    run.backend.close(shutdown_workers=False)
    run.nameserver.shutdown()
    monkeypatch.setattr("hpbandster_ng.backends.pyro.client._WARN_MASTERLESS_AFTER", 0.3)
    worker._thread.join(20.0)
    assert not worker._thread.is_alive()
    assert "ends: no nameserver answers" in caplog.text
    assert re.search(r"no nameserver answers; it keeps looking for [01] s more", caplog.text)


def test_a_master_of_another_run_is_told_so(run, tmp_path):
    path = runtime_path(make_runtime_folder(), "other", run.nameserver.port)
    write_credentials(path, run.nameserver.host, run.nameserver.port, mint())
    with pytest.raises(CredentialsError, match=r"is not the nameserver of run_id='other'"):
        RandomSearch(SPACE, run_id="other", nameserver_port=run.nameserver.port, working_directory=tmp_path).run(1)
    path.unlink()


def test_a_member_of_a_closed_run_and_one_of_an_open_run_do_not_meet(run, stack, tmp_path, monkeypatch):
    monkeypatch.setattr("hpbandster_ng.backends.pyro.client.PATIENCE", 0.3)
    closed = r"closed to those without its credentials, and this process was given insecure=True; leave that out here"
    with OPEN, pytest.raises(WorkerRefusedError, match=closed):
        Toy("run", nameserver_port=run.nameserver.port, insecure=True).run()
    with OPEN, pytest.raises(CredentialsError, match=closed):
        RandomSearch(SPACE, run_id="run", nameserver_port=run.nameserver.port, insecure=True).run(1)
    with OPEN:
        opened = stack.enter_context(NameServer("open", tmp_path, port=0, insecure=True))
    write_credentials(credentials_path(tmp_path, "open"), opened.host, opened.port, mint())
    worker = Toy("open")
    worker.load_nameserver_credentials(tmp_path)
    with pytest.raises(WorkerRefusedError, match="insecure=True to all processes of a run or to none"):
        worker.run()


def test_who_hangs_up_is_not_taken_for_a_closed_run(monkeypatch):
    monkeypatch.setattr("hpbandster_ng.backends.pyro.client.PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool, OPEN:

        def hang_up():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connection.recv(1)
                    connection.close()

        pool.submit(hang_up)
        with pytest.raises(NameServerError, match="no nameserver answers"):
            Toy("run", nameserver_port=listener.getsockname()[1], insecure=True).run()
        listener.shutdown(socket.SHUT_RDWR)


def test_a_worker_waits_for_the_credentials_of_a_nameserver_that_is_to_come(stack, free_port):
    worker = Toy("run", nameserver_port=free_port)
    failures = []

    def work():
        try:
            worker.run()
        except NameServerError as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    nameserver = stack.enter_context(NameServer("run", port=free_port))
    with RandomSearch(SPACE, run_id="run", nameserver_port=nameserver.port, worker_timeout=20) as master:
        assert len(master.run(1).get_all_runs()) == 1
    thread.join(20.0)
    assert failures == []


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# An open run, and several runs of one process


def test_an_open_run_warns_at_each_of_its_doors_and_works(stack):
    with OPEN:
        nameserver = stack.enter_context(NameServer("run", port=0, insecure=True))
    with OPEN:
        worker = Toy("run", nameserver_port=nameserver.port, insecure=True)
        worker.run(background=True)
    stack.callback(worker.shutdown)
    with OPEN, RandomSearch(SPACE, run_id="run", nameserver_port=nameserver.port, insecure=True) as master:
        assert len(master.run(1).get_all_runs()) == 1


def test_an_open_dispatcher(stack):
    with OPEN:
        nameserver = stack.enter_context(NameServer("run", port=0, insecure=True))
    jobs = []
    dispatcher = Dispatcher(jobs.append, "run", nameserver_port=nameserver.port, insecure=True)

    def serve():
        with pytest.warns(RuntimeWarning):
            dispatcher.run()

    thread = threading.Thread(target=serve)
    thread.start()
    dispatcher.submit_job((0, 0, 0), config={"x": 0.5}, budget=1.0)
    with OPEN:
        worker = Toy("run", nameserver_port=nameserver.port, insecure=True)
        worker.run(background=True)
    wait_until(lambda: jobs, "the job")
    worker.shutdown()
    dispatcher.shutdown()
    thread.join()
    assert jobs[0].result == {"loss": 0.5, "info": {}}


def test_two_runs_of_one_process_have_secrets_of_their_own(stack):
    found = {}
    for run_id in ("one", "two"):
        nameserver = stack.enter_context(NameServer(run_id, port=0))
        worker = Toy(run_id, nameserver_port=nameserver.port)
        worker.run(background=True)
        stack.callback(worker.shutdown)
        master = stack.enter_context(RandomSearch(SPACE, run_id=run_id, nameserver_port=nameserver.port))
        found[run_id] = master, master._backend.access
    for master, _ in found.values():
        assert len(master.run(1).get_all_runs()) == 1
    assert found["one"][1].secret != found["two"][1].secret


# A nameserver that comes back


def test_a_nameserver_after_a_crash_goes_on_with_the_secret(stack, tmp_path, free_port):
    """The files are there as after a crash; their secret is good for another while."""
    folder = make_runtime_folder()
    write_credentials(runtime_path(folder, "run", free_port), "127.0.0.1", free_port, secret := mint())
    stack.enter_context(NameServer("run", port=free_port))
    assert Access("run").look(free_port) == secret
    write_credentials(credentials_path(tmp_path, "run"), "127.0.0.1", 1, secret)
    with NameServer("run", tmp_path, port=0) as elsewhere:
        assert Access("run").look(elsewhere.port) == secret == read_secret(credentials_path(tmp_path, "run"))


def test_but_not_with_one_that_ends_soon_or_was_not_safe(monkeypatch, tmp_path):
    path = credentials_path(tmp_path, "run")
    write_credentials(path, "127.0.0.1", 1, unsafe := mint())
    path.chmod(0o644)
    with NameServer("run", tmp_path, port=0):
        assert read_secret(path) != unsafe
    with monkeypatch.context() as patch:
        patch.setattr(certificates, "_VALIDITY", certificates._VALIDITY / 2)
        write_credentials(path, "127.0.0.1", 1, ending := mint())
    with NameServer("run", tmp_path, port=0):
        assert read_secret(path) != ending


def test_nothing_is_left_of_the_secret_after_the_end(tmp_path):
    with NameServer("run", tmp_path, port=0) as nameserver:
        paths = [credentials_path(tmp_path, "run"), runtime_path(make_runtime_folder(), "run", nameserver.port)]
        assert all(path.exists() for path in paths)
    assert not any(path.exists() for path in paths)


def test_a_master_lets_in_who_has_the_secret_of_a_nameserver_that_was_started_anew(run, monkeypatch):
    monkeypatch.setattr("hpbandster_ng.backends.pyro.backend._RENEWAL_INTERVAL", 0.1)
    run.backend._next_renewal = 0.0
    run.nameserver.shutdown()
    run.nameserver.start()
    secret = Access("run").look(run.nameserver.port)
    assert secret != run.access.secret

    def is_let_in():
        with run.proxy("dispatcher", secret) as proxy, contextlib.suppress(Pyro4.errors.PyroError):
            return proxy.ping() == "run"

    wait_until(is_let_in, "the dispatcher has the new secret")
