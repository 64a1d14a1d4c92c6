"""What a daemon does with connections that have not shown yet that they belong to its run."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack

import Pyro4
import pytest
from Pyro4.socketserver.threadpool import NoFreeWorkersError

from hpbandster_ng.backends.pyro import server
from hpbandster_ng.backends.pyro.certificates import mint
from hpbandster_ng.backends.pyro.connection import LimitedConnection
from hpbandster_ng.backends.pyro.proxy import proxy_to
from hpbandster_ng.backends.pyro.server import DaemonThread
from hpbandster_ng.backends.pyro.settings import apply_settings
from tests.waiting import LIMIT, wait_until

SECRET = mint()


@Pyro4.expose
class Echo:
    def echo(self, text):
        return text


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def start(stack):
    def start(**options):
        apply_settings()
        daemon = Pyro4.Daemon(host="127.0.0.1")
        location = daemon.register(Echo())
        thread = DaemonThread(daemon, "hpbandster-test", SECRET, **options)
        thread.start()
        stack.callback(lambda: thread._is_closing.is_set() or thread.close())
        return thread, location

    return start


@pytest.fixture
def come(stack):
    def come(location):
        stranger = stack.enter_context(socket.create_connection((location.host, location.port), LIMIT))
        stranger.settimeout(LIMIT)
        return stranger

    return come


def is_hung_up_on(stranger):
    try:
        return stranger.recv(1) == b""
    except ConnectionResetError:
        return True


def echo(location, text="hello"):
    with proxy_to(location, LIMIT, SECRET) as proxy:
        return proxy.echo(text)


def test_whoever_says_nothing_is_hung_up_on_after_a_while(monkeypatch, start, come):
    monkeypatch.setattr(server, "HANDSHAKE_TIMEOUT", 0.2)
    thread, location = start()
    assert is_hung_up_on(come(location))
    wait_until(lambda: not thread._strangers._connections, "nobody is counted any more")


def test_where_there_are_too_many_the_first_must_go(monkeypatch, start, come):
    monkeypatch.setattr(server, "HANDSHAKE_TIMEOUT", LIMIT)
    monkeypatch.setattr(server, "_MAX_STRANGERS", 3)
    thread, location = start()
    strangers = [come(location) for _ in range(3)]
    wait_until(lambda: len(thread._strangers._connections) == 3, "all have been let into the hall")
    strangers.append(come(location))
    assert is_hung_up_on(strangers[0])
    assert len(thread._strangers._connections) == 3
    strangers[1].setblocking(False)
    with pytest.raises(BlockingIOError):
        strangers[1].recv(1)
    assert echo(location) == "hello"  # for a member, too, one must go
    strangers[1].settimeout(LIMIT)
    assert is_hung_up_on(strangers[1])


def test_members_do_not_count(monkeypatch, start, come):
    monkeypatch.setattr(server, "HANDSHAKE_TIMEOUT", LIMIT)
    monkeypatch.setattr(server, "_MAX_STRANGERS", 1)
    _, location = start()
    with proxy_to(location, LIMIT, SECRET) as first, proxy_to(location, LIMIT, SECRET) as second:
        first.echo("a")
        second.echo("b")
        strangers = [come(location) for _ in range(3)]
        assert is_hung_up_on(strangers[0])
        assert is_hung_up_on(strangers[1])
        assert (first.echo("a"), second.echo("b")) == ("a", "b")


@pytest.mark.parametrize("error", [NoFreeWorkersError("no thread left"), RuntimeError("can't start new thread")])
def test_a_system_without_threads_refuses_one_connection_and_not_the_next(monkeypatch, start, come, error):
    thread, location = start()
    pool = thread._server.pool
    serve, failures = pool.process, [error]

    def process(job):
        if failures:
            raise failures.pop()
        serve(job)

    monkeypatch.setattr(pool, "process", process)
    assert is_hung_up_on(come(location))
    assert echo(location) == "hello"


def test_a_daemon_ends_at_once_though_strangers_are_there(start, come):
    thread, location = start()
    strangers = [come(location) for _ in range(5)]
    wait_until(lambda: len(thread._strangers._connections) == 5, "all are there")
    thread.close()
    assert all(is_hung_up_on(stranger) for stranger in strangers)


def test_a_connection_is_closed_by_who_reads_from_it(monkeypatch, start):
    """Else its descriptor may be another connection's when the reader wakes, which then reads what is not its own."""
    closed_by = []
    close = LimitedConnection.close

    def note(connection):
        closed_by.append(threading.current_thread().name)
        close(connection)

    thread, location = start()
    with proxy_to(location, LIMIT, SECRET) as proxy:
        assert proxy.echo("hello") == "hello"
        readers = [reader.name for reader in thread._server.pool.busy]
        monkeypatch.setattr(LimitedConnection, "close", note)
        thread.close()
        wait_until(lambda: closed_by, "the connection is closed")
        monkeypatch.undo()
    assert closed_by[:1] == readers  # what comes after is the garbage collector, which finds it closed


def test_each_daemon_has_a_limit_of_its_own_for_messages(start):
    _, small = start(max_message_bytes=1000)
    _, large = start(max_message_bytes=10_000)
    assert echo(small, "x" * 900) == "x" * 900
    assert echo(large, "x" * 9000) == "x" * 9000
    with pytest.raises(Pyro4.errors.ConnectionClosedError):
        echo(small, "x" * 9000)
    assert echo(small) == "hello"
