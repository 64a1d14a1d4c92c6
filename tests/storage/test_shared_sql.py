"""Shared logs in SQLite and PostgreSQL: the contract, and what breaks."""

from __future__ import annotations

import contextlib
import errno
import functools
import itertools
import multiprocessing
import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from hpbandster_ng.engine.events import OpenIteration
from hpbandster_ng.errors import InvalidArgumentError, LogError, StorageBusyError, StorageError
from hpbandster_ng.storage.sql import SQLSharedLogs, SQLStorage, sessions
from hpbandster_ng.testing.shared_logs import SharedLogsContract
from tests.storage.postgres import execute
from tests.waiting import wait_until


class TestSQLite(SharedLogsContract):
    def factory(self, directory):
        return functools.partial(SQLSharedLogs, f"sqlite:///{directory}/runs.db")


class TestPostgreSQL(SharedLogsContract):
    @pytest.fixture(autouse=True)
    def _database(self, database):
        self.url = database

    def factory(self, directory):
        return functools.partial(SQLSharedLogs, self.url)


@pytest.fixture
def logs(url):
    """With a log ``a`` of one record."""
    made = SQLSharedLogs(url)
    made.create("a", opened(0))
    yield made
    made.close()


def opened(number):
    return [OpenIteration(float(number), number)]


def add(logs, number, meanwhile=lambda: None):
    """In one turn; ``meanwhile`` happens before it ends."""
    with logs.turn("a", 0) as turn:
        record = turn.append(opened(number))
        meanwhile()
    return record.number


def received(receiver):
    """What is left in a pipe whose other end is gone."""
    with contextlib.suppress(EOFError):
        while True:
            yield receiver.recv()


def iterations(logs):
    return [event.iteration for record in logs.read("a") for event in record.events]


# Passwords


@pytest.fixture
def guarded(postgres, database):
    """The database, for a user with a password."""
    rules = postgres.directory / "data" / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(f"host all guarded 127.0.0.1/32 scram-sha-256\n{before}")
    execute(database, "CREATE ROLE guarded LOGIN SUPERUSER PASSWORD 'sesame'")
    execute(database, "SELECT pg_reload_conf()")
    yield database.replace("hpb@", "guarded:sesame@")
    execute(database, "DROP OWNED BY guarded CASCADE")
    execute(database, "DROP ROLE guarded")
    rules.write_text(before)
    execute(database, "SELECT pg_reload_conf()")


def test_a_wrong_password_is_one_error_that_does_not_tell_it(guarded):
    wait_until(lambda: cannot_connect(guarded.replace("sesame", "wrong")), "the server asks for passwords")
    logs = SQLSharedLogs(guarded.replace("sesame", "wrong"))
    for call in (logs.names, lambda: logs.create("a", opened(0))):
        with pytest.raises(StorageError, match="password authentication failed") as caught:
            call()
        assert "wrong" not in str(caught.value)
    right = SQLSharedLogs(guarded)
    assert right.create("a", opened(0))
    assert right.names() == ["a"]
    right.close()


def cannot_connect(url):
    try:
        execute(url, "SELECT 1")
    except sa.exc.OperationalError:
        return True
    return False


# Beside logs of runs


def test_who_reads_the_log_of_a_run_reads_a_shared_one(url, logs):
    add(logs, 1)
    assert list(SQLStorage(url, "a").read()) == [*opened(0), *opened(1)]


def test_a_shared_log_is_not_opened_by_one_writer(url, logs):
    with pytest.raises(
        LogError, match=r"run 'a' in .* is a shared log, .*; open it with SQLSharedLogs, or use another"
    ):
        SQLStorage(url, "a").open()
    assert add(logs, 1) == 2


def test_the_log_of_a_run_is_no_shared_one(url, logs):
    storage = SQLStorage(url, "run")
    storage.open()
    storage.append(opened(7))
    assert logs.names() == ["a"]
    assert logs.read("run") == []
    for call in (lambda: logs.create("run", opened(0)), lambda: logs.delete("run"), logs.turn("run", 0).__enter__):
        with pytest.raises(LogError, match=r"'run' in .* is the log of a run, which one process writes; use another"):
            call()
    storage.append(opened(8))
    storage.close()
    assert list(storage.read()) == [*opened(7), *opened(8)]


def test_what_is_no_record_is_a_log_error_that_says_where(url, logs):
    execute(url, "UPDATE hpbandster_records SET text = '{}'")
    for call in (lambda: logs.read("a"), logs.turn("a", 0).__enter__):
        with pytest.raises(LogError, match=r"shared log 'a' in .*, record 1, is no record"):
            call()


@pytest.mark.parametrize("name", ["a ", "A", "a%2Fb", "ü'\"--", "%(x)s :y; $1", "\\'"])
def test_any_name_is_kept_apart(logs, name):
    assert logs.create(name, opened(5))
    with logs.turn(name, 1) as turn:
        turn.append(opened(6), leases={name: 0.0})
    with logs.turn(name, 2) as turn:
        assert list(turn.expired) == [name]
    assert iterations(logs) == [0]
    assert logs.delete(name)
    assert logs.names() == ["a"]


# Who dies, breaks off or forks


def add_for_ever(url, sender):
    """Of another process: sends the number of each record that is kept."""
    logs = SQLSharedLogs(url)
    for number in itertools.count():
        sender.send(add(logs, number))


def test_processes_that_are_killed_while_they_write_lose_nothing_that_was_kept(url, logs):
    context = multiprocessing.get_context("spawn")
    writers = []
    for _ in range(3):
        receiver, sender = context.Pipe(duplex=False)
        writers.append((context.Process(target=add_for_ever, args=(url, sender)), receiver))
        writers[-1][0].start()
        sender.close()
    kept = set()
    for process, receiver in writers:
        kept |= {receiver.recv() for _ in range(10)}
        process.kill()
        process.join()
    for _, receiver in writers:
        kept |= set(received(receiver))
    last = add(logs, 1000)
    records = logs.read("a")
    assert [record.number for record in records] == list(range(1, last + 1))
    assert kept < {record.number for record in records}
    assert iterations(logs)[-1] == 1000


def use_what_was_inherited(logs):
    """Of a process that was forked."""
    add(logs, 1)
    logs.close()


def test_a_process_that_was_forked_connects_anew_and_does_no_harm(logs):
    add(logs, 5)
    child = multiprocessing.get_context("fork").Process(target=use_what_was_inherited, args=(logs,))
    child.start()
    child.join()
    assert child.exitcode == 0
    add(logs, 2)
    assert iterations(logs) == [0, 5, 1, 2]


def test_a_server_that_was_started_again_costs_no_error(postgres, database):
    logs = SQLSharedLogs(database)
    logs.create("a", opened(0))
    postgres.stop()
    try:
        with pytest.raises(StorageError, match=r"shared logs in postgresql.* cannot be read: .*refused"):
            add(logs, 1)
        with pytest.raises(StorageError, match=r"cannot be read: .*refused"):
            logs.read("a")
    finally:
        postgres.start()
    assert add(logs, 2) == 2
    postgres.stop()
    postgres.start()
    assert add(logs, 3) == 3
    assert iterations(logs) == [0, 2, 3]
    logs.close()


def test_a_connection_that_breaks_in_a_turn_adds_nothing(database):
    logs = SQLSharedLogs(database)
    logs.create("a", opened(0))
    end_it = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
    with pytest.raises(StorageError, match="cannot be written"):
        add(logs, 1, meanwhile=lambda: execute(database, end_it))
    assert add(logs, 2) == 2
    assert iterations(logs) == [0, 2]
    logs.close()


def test_a_turn_that_takes_too_long_is_given_to_another_process(database, monkeypatch):
    monkeypatch.setattr(sessions, "TURN_SECONDS", 0.1)
    logs, others = SQLSharedLogs(database), SQLSharedLogs(database)
    logs.create("a", opened(0))
    with pytest.raises(StorageBusyError, match="nothing was written: try again"):
        add(logs, 1, meanwhile=lambda: add(others, 2))
    assert add(logs, 3) == 3
    assert iterations(logs) == [0, 2, 3]
    logs.close()
    others.close()


# SQLite


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


@pytest.fixture
def local(path):
    made = SQLSharedLogs(f"sqlite:///{path}")
    made.create("a", opened(0))
    yield made
    made.close()


def test_a_turn_ends_when_it_is_on_the_disk(local, monkeypatch):
    def fail(descriptor):
        assert Path(f"/proc/self/fd/{descriptor}").readlink().name == "runs.db-wal"
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(StorageError, match=r"shared log 'a' in .* cannot be written: .*Input/output error"):
        add(local, 1)


def test_a_database_that_was_removed_has_no_logs(local, path):
    path.unlink()
    with pytest.raises(LogError, match="no shared log 'a'"):
        add(local, 1)
    assert local.create("a", opened(2))
    assert iterations(local) == [2]


def test_a_turn_whose_database_is_removed_acknowledges_nothing(local, path):
    with pytest.raises(StorageError, match=r"runs\.db was removed while this process wrote"):
        add(local, 1, meanwhile=path.unlink)


def test_what_is_raised_in_a_turn_is_not_made_another_error(local):
    with pytest.raises(FileNotFoundError, match="mine"), local.turn("a", 0):
        raise FileNotFoundError("mine")
    assert add(local, 1) == 2


def test_a_file_that_is_no_database_is_a_storage_error(path):
    path.write_text("a diary, and a long one\n" * 100)
    logs = SQLSharedLogs(f"sqlite:///{path}")
    with pytest.raises(StorageError, match=r"runs\.db cannot be written: file is not a database; "):
        logs.create("a", opened(0))
    with pytest.raises(StorageError, match=r"runs\.db cannot be read: file is not a database; "):
        logs.names()


def test_what_is_no_url_of_a_usable_database_is_refused():
    with pytest.raises(InvalidArgumentError, match="must be a database of SQLite or PostgreSQL"):
        SQLSharedLogs("mysql://u@h/runs")


def test_a_url_is_shown_without_its_password_and_options():
    pytest.importorskip("psycopg")
    url = "postgresql://joe:sesame@h:1/d?sslpassword=sesame"
    assert repr(SQLSharedLogs(url)) == "shared logs in postgresql+psycopg://joe:***@h:1/d"
