from __future__ import annotations

import socket

import Pyro4.errors
import pytest

from hpbandster_ng.backends.pyro.connection import LimitedConnection


@pytest.fixture
def ends():
    one, other = socket.socketpair()
    with one, other:
        yield LimitedConnection(one, None, 1000), other


def test_bytes_come_in_the_pieces_that_are_asked_for(ends):
    connection, other = ends
    other.sendall(b"head")
    other.sendall(b"body and the next")
    assert [connection.recv(size) for size in (4, 0, 4, 13)] == [b"head", b"", b"body", b" and the next"]
    other.sendall(b"x" * 1000)
    assert connection.recv(1000) == b"x" * 1000


def test_too_much_is_hung_up_on_before_it_is_read(ends):
    connection, other = ends
    other.sendall(b"x" * 100)
    with pytest.raises(Pyro4.errors.MessageTooLargeError, match=r"a message of 1,001 bytes; the limit is 1,000"):
        connection.recv(1001)
    with pytest.raises(ConnectionError):
        other.recv(1)


def test_what_does_not_come_in_time_is_a_timeout_and_may_come_later(ends):
    connection, other = ends
    connection.timeout = 0.01
    other.sendall(b"he")
    with pytest.raises(Pyro4.errors.TimeoutError):
        connection.recv(4)
    other.sendall(b"ad")
    assert connection.recv(4) == b"head"


def test_what_never_comes_is_a_closed_connection(ends):
    connection, other = ends
    other.sendall(b"he")
    other.close()
    with pytest.raises(Pyro4.errors.ConnectionClosedError, match="not enough data"):
        connection.recv(4)
    connection.close()
    with pytest.raises(Pyro4.errors.ConnectionClosedError, match="connection lost"):
        connection.recv(4)
