"""Logs in SQLite and PostgreSQL: many runs in one database, one writer a run, and a clear error when it is gone."""

from __future__ import annotations

import functools
import multiprocessing
import re
import sqlite3
import subprocess

import pytest

from hpbandster_ng.engine.events import OpenIteration, WorkerJoined
from hpbandster_ng.errors import InvalidArgumentError, LogError, StorageBusyError, StorageError
from hpbandster_ng.storage.sql import SQLSharedLogs, SQLStorage
from hpbandster_ng.storage.urls import run_ids_of
from hpbandster_ng.testing.storages import FollowedStorageContract
from tests.storage.filling import fill
from tests.storage.postgres import execute


class TestSQLite(FollowedStorageContract):
    def factory(self, directory):
        return functools.partial(SQLStorage, f"sqlite:///{directory}/runs.db", "run")


class TestPostgreSQL(FollowedStorageContract):
    @pytest.fixture(autouse=True)
    def _server(self, postgres):
        self.url = postgres.url

    def factory(self, directory):
        return functools.partial(SQLStorage, self.url, str(directory))


def opened(number):
    return OpenIteration(float(number), number)


def open_storage(url, run_id="run"):
    storage = SQLStorage(url, run_id)
    storage.open()
    return storage


def write_some(url, run_id, barrier):
    """Of another process: open when all do, and append."""
    barrier.wait()
    storage = open_storage(url, run_id)
    for number in range(20):
        storage.append([opened(number)])
    storage.close()


def test_many_processes_keep_their_runs_in_one_database_from_the_first_moment_on(url):
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(6)
    writers = [context.Process(target=write_some, args=(url, f"run {i}", barrier)) for i in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 6
    for i in range(6):
        assert list(SQLStorage(url, f"run {i}").read()) == [opened(number) for number in range(20)]


def test_a_record_is_one_row(url):
    storage = open_storage(url)
    storage.append([opened(0), WorkerJoined(1.0, "w")])
    storage.append([opened(1)])
    storage.close()
    assert execute(url, "SELECT run, number FROM hpbandster_records ORDER BY number") == [("run", 1), ("run", 2)]
    assert execute(url, "SELECT run, records FROM hpbandster_runs") == [("run", 2)]


def test_a_writer_that_was_replaced_adds_nothing_and_its_successor_is_not_disturbed(url, tmp_path):
    paused = open_storage(url)
    paused.append([opened(0)])
    if url.startswith("sqlite"):
        (tmp_path / "runs.db.run.lock").unlink()
    else:
        execute(url, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    successor = open_storage(url)
    for number in (1, 2):
        with pytest.raises(StorageBusyError, match=r"run 'run' in .* is written by another process, which took over"):
            paused.append([opened(9)])
        successor.append([opened(number)])
    paused.close()
    successor.append([opened(3)])
    successor.close()
    assert list(successor.read()) == [opened(number) for number in range(4)]


def test_who_is_refused_is_told_who_writes(url):
    storage = open_storage(url)
    with pytest.raises(StorageBusyError, match=r"is written by process \d+ on [^ ]+; wait until"):
        SQLStorage(url, "run").open()
    storage.close()


def test_any_run_id_is_kept_apart(url):
    names = ["run", "run ", "Run", "a%2Fb", "a b.c", "ü'\"--", "%(x)s :y"]
    for number, name in enumerate(names):
        storage = open_storage(url, name)
        storage.append([opened(number)])
        storage.close()
    assert [list(SQLStorage(url, name).read()) for name in names] == [[opened(i)] for i in range(len(names))]


def test_what_is_no_record_is_a_log_error_that_says_where(url):
    storage = open_storage(url)
    storage.append([opened(0)])
    storage.close()
    execute(url, "UPDATE hpbandster_records SET text = '{}'")
    with pytest.raises(LogError, match=r"run 'run' in .*, record 1, is no record of a run's log"):
        list(storage.read())


# SQLite


def test_sqlite_is_asked_for_durability(tmp_path):
    storage = open_storage(f"sqlite:///{tmp_path}/runs.db")
    pragmas = ("journal_mode", "synchronous", "busy_timeout")
    found = [storage._connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() for pragma in pragmas]
    assert found == ["wal", 2, 30_000]
    storage.close()


def test_a_constructor_and_a_reader_make_no_file(tmp_path):
    assert list(SQLStorage(f"sqlite:///{tmp_path}/runs.db", "run").read()) == []
    assert list(tmp_path.iterdir()) == []


def test_a_writer_whose_database_is_removed_acknowledges_nothing_any_more(tmp_path):
    storage = open_storage(f"sqlite:///{tmp_path}/runs.db")
    (tmp_path / "runs.db").unlink()
    with pytest.raises(StorageError, match=r"runs\.db was removed while this process wrote"):
        storage.append([opened(0)])
    storage.close()


def test_what_is_left_of_a_database_that_was_removed_by_hand_does_no_harm(tmp_path):
    storage = open_storage(f"sqlite:///{tmp_path}/runs.db")
    storage.append([opened(0)])
    leftovers = {name: (tmp_path / name).read_bytes() for name in ("runs.db-wal", "runs.db-shm")}
    assert len(leftovers["runs.db-wal"]) > 0
    storage.close()
    (tmp_path / "runs.db").unlink()
    for name, content in leftovers.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "runs.db.new").write_text("not finished")
    storage.open()
    storage.append([opened(1)])
    storage.close()
    assert list(storage.read()) == [opened(1)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs.db", "runs.db.%.lock", "runs.db.run.lock"]


def test_a_relative_path_is_found_from_elsewhere(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    storage = SQLStorage("sqlite:///runs.db", "run")
    monkeypatch.chdir(tmp_path / "elsewhere")
    storage.open()
    storage.close()
    assert (tmp_path / "runs.db").exists()


def test_a_link_leads_to_the_same_database_and_the_same_lock(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "disk" / "runs.db")
    linked = open_storage(f"sqlite:///{tmp_path}/link.db")
    linked.append([opened(0)])
    direct = SQLStorage(f"sqlite:///{tmp_path}/disk/runs.db", "run")
    assert list(direct.read()) == [opened(0)]
    with pytest.raises(StorageBusyError):
        direct.open()
    linked.append([opened(1)])
    linked.close()
    assert (tmp_path / "link.db").is_symlink()


def test_a_database_of_somebody_else_is_read_as_empty(tmp_path):
    sqlite3.connect(tmp_path / "runs.db").execute("CREATE TABLE cats (name TEXT)").connection.close()
    assert list(SQLStorage(f"sqlite:///{tmp_path}/runs.db", "run").read()) == []


def test_a_file_that_is_no_database_is_a_storage_error(tmp_path):
    (tmp_path / "runs.db").write_text("a diary, and a long one\n" * 100)
    storage = SQLStorage(f"sqlite:///{tmp_path}/runs.db", "run")
    with pytest.raises(StorageError, match=r"runs\.db cannot be written: file is not a database; "):
        storage.open()
    with pytest.raises(StorageError, match=r"runs\.db cannot be read: file is not a database; "):
        storage.read()


def test_a_directory_that_is_not_there_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match=r"no/runs\.db\.run\.lock cannot be written: No such file or directory"):
        SQLStorage(f"sqlite:///{tmp_path}/no/runs.db", "run").open()


def test_a_full_disk_is_one_clear_error_and_what_was_acknowledged_is_there(small_disk):
    storage = open_storage(f"sqlite:///{small_disk}/runs.db")
    number, message = fill(storage)
    assert re.search(r"runs\.db cannot be written: (database or disk is full|disk I/O error); what was", message)
    assert [e for e in storage.read() if isinstance(e, OpenIteration)] == [opened(each) for each in range(number)]
    storage.close()


def test_a_read_only_disk_is_one_clear_error(small_disk):
    open_storage(f"sqlite:///{small_disk}/runs.db").close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StorageError, match="cannot be written: Read-only file system"):
        open_storage(f"sqlite:///{small_disk}/runs.db")


# PostgreSQL


def test_a_server_that_goes_away_is_one_clear_error_and_what_was_acknowledged_is_there(postgres):
    storage = open_storage(postgres.url, "gone")
    storage.append([opened(0)])
    postgres.stop()
    try:
        with pytest.raises(StorageError, match=r"run 'gone' in postgresql.* cannot be written: .*; what was recorded"):
            storage.append([opened(1)])
        with pytest.raises(StorageError, match=r"cannot be read: .*refused"):
            storage.read()
        storage.close()
        with pytest.raises(StorageError, match=r"cannot be written: .*refused"):
            storage.open()
    finally:
        postgres.start()
    storage.open()
    storage.append([opened(2)])
    storage.close()
    assert list(storage.read()) == [opened(0), opened(2)]


def test_a_server_that_is_back_again_takes_the_next_append(postgres):
    storage = open_storage(postgres.url, "back")
    execute(postgres.url, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    with pytest.raises(StorageError, match="cannot be written"):
        storage.append([opened(0)])
    storage.append([opened(1)])
    storage.close()
    assert list(storage.read()) == [opened(1)]


def test_a_password_is_not_told():
    storage = SQLStorage("postgresql://user:sesame@127.0.0.1:1/runs", "run")
    with pytest.raises(StorageError, match=r"user:\*\*\*@127\.0\.0\.1:1/runs cannot be written") as caught:
        storage.open()
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("runs.db", "must be the url of a database"),
        ("mysql://u:sesame@h/runs", "must be a database of SQLite or PostgreSQL"),
        ("postgresql+pg8000://u@h/runs", "must be a database of SQLite or PostgreSQL"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:///file:runs.db?uri=true", "must name a file"),
    ],
)
def test_what_is_no_url_of_a_usable_database_is_refused(url, rule):
    with pytest.raises(InvalidArgumentError, match=rule) as caught:
        SQLStorage(url, "run")
    assert "sesame" not in str(caught.value)


def test_the_runs_of_a_database_are_listed_and_shared_logs_are_none(url):
    assert run_ids_of(url) == []
    for name in ("second", "first"):
        open_storage(url, name).close()
    logs = SQLSharedLogs(url)
    assert logs.create("shared", [opened(0)])
    logs.close()
    assert run_ids_of(url) == ["first", "second"]


def test_a_follower_of_a_run_that_was_replaced_is_told(url):
    storage = open_storage(url)
    storage.append([opened(0)])
    storage.append([opened(1)])
    storage.close()
    follower = SQLStorage(url, "run")
    bookmark = follower.read_on().bookmark
    execute(url, "DELETE FROM hpbandster_records")
    gone = follower.read_on(bookmark)
    assert (list(gone.events), gone.bookmark, gone.is_anew) == ([], None, True)
    execute(url, "UPDATE hpbandster_runs SET records = 0")
    storage = open_storage(url)
    storage.append([opened(2)])
    storage.append([opened(3)])
    storage.close()
    news = follower.read_on(bookmark)
    assert (list(news.events), news.is_anew) == ([opened(2), opened(3)], True)
