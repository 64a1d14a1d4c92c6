"""Logs of runs in MongoDB: real servers, one writer a run, and writers that are paused, killed and replaced."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal

import pymongo
import pytest

from hpbandster_ng.engine.events import OpenIteration, WorkerJoined
from hpbandster_ng.errors import LogError, NotPlainError, StorageBusyError, StorageError
from hpbandster_ng.storage.mongo import MongoSharedLogs, MongoStorage
from hpbandster_ng.storage.urls import run_ids_of
from hpbandster_ng.testing.storages import FollowedStorageContract
from tests.storage.test_mongo import documents_of, url_on
from tests.waiting import wait_until


class TestOneServer(FollowedStorageContract):
    @pytest.fixture(autouse=True)
    def _url(self, mongod):
        self.url = url_on(mongod)

    def factory(self, directory):
        return functools.partial(MongoStorage, self.url, "run")


@pytest.mark.slow
class TestReplicaSet(FollowedStorageContract):
    @pytest.fixture(autouse=True)
    def _url(self, mongod_replica_set):
        self.url = url_on(mongod_replica_set) + "?replicaSet=set"

    def factory(self, directory):
        return functools.partial(MongoStorage, self.url, "run")


@pytest.fixture
def url(mongod):
    return url_on(mongod)


def opened(number):
    return OpenIteration(float(number), number)


def open_storage(url, run_id="run"):
    storage = MongoStorage(url, run_id)
    storage.open()
    return storage


def test_any_run_id_is_kept_apart_and_none_is_a_shared_log(url):
    names = ["run", "run ", "Run", "", "$writer", "a.b", "ü'\"--", "x" * 900]
    for number, name in enumerate(names):
        storage = open_storage(url, name)
        storage.append([opened(number)])
        storage.close()
    assert [list(MongoStorage(url, name).read()) for name in names] == [[opened(i)] for i in range(len(names))]
    logs = MongoSharedLogs(url)
    assert logs.names() == []
    logs.close()


def test_a_reader_makes_nothing(url):
    assert list(MongoStorage(url, "run").read()) == []
    assert documents_of(url) == {}


def test_what_is_no_record_is_a_log_error_that_says_where(url):
    storage = open_storage(url)
    storage.append([opened(0)])
    storage.close()
    with pymongo.MongoClient(url) as client:
        client.get_default_database()["hpbandster_run_texts"].update_many({}, {"$set": {"text": "{}"}})
    with pytest.raises(LogError, match=r"run 'run' in mongodb.*, record 1, is no record of a run's log"):
        list(storage.read())


def test_a_record_that_is_too_long_is_refused_and_nothing_of_it_is_added(url):
    storage = open_storage(url)
    with pytest.raises(NotPlainError, match="is too large for a document of MongoDB"):
        storage.append([opened(0), WorkerJoined(0.0, "w" * 17_000_000)])
    storage.append([opened(1)])
    storage.close()
    assert list(storage.read()) == [opened(1)]


def test_a_database_of_a_later_version_is_refused_and_not_touched(url):
    with pymongo.MongoClient(url) as client:
        client.get_default_database()["hpbandster_schema"].insert_one({"_id": "schema", "version": 2})
    before = documents_of(url)
    storage = MongoStorage(url, "run")
    for act in (storage.open, storage.read):
        with pytest.raises(LogError, match=r"has version 2 .* and this release uses 1; use the release that made it"):
            act()
    assert documents_of(url) == before


# writers


def test_who_is_refused_is_told_who_writes(url):
    storage = open_storage(url)
    with pytest.raises(StorageBusyError, match=rf"is written by process {os.getpid()} on [^ ]+; wait until"):
        MongoStorage(url, "run").open()
    storage.close()


def write(url, connection):
    """Of another process: add a record whenever asked, and say how that went."""
    storage = open_storage(url)
    connection.send(os.getpid())
    while True:
        number = connection.recv()
        try:
            storage.append([opened(number)])
            connection.send("added")
        except StorageBusyError as error:
            connection.send(str(error))


@pytest.fixture
def writer(url):
    """Another process, which has the run open, and the connection to ask it."""
    context = multiprocessing.get_context("spawn")
    connection, other = context.Pipe()
    process = context.Process(target=write, args=(url, other))
    process.start()
    assert connection.recv() == process.pid
    yield process, connection
    process.kill()
    process.join()


@pytest.mark.slow
def test_a_writer_that_was_paused_and_replaced_adds_nothing_and_its_successor_is_not_disturbed(url, writer):
    process, connection = writer
    connection.send(0)
    assert connection.recv() == "added"
    os.kill(process.pid, signal.SIGSTOP)
    try:
        successor = open_storage(url)
    finally:
        os.kill(process.pid, signal.SIGCONT)
    for number in (1, 2):
        connection.send(9)
        assert "is written by another process, which took over" in connection.recv()
        successor.append([opened(number)])
    successor.close()
    connection.send(9)
    assert "is written by another process, which took over" in connection.recv()
    assert list(successor.read()) == [opened(number) for number in range(3)]


@pytest.mark.slow
def test_a_writer_that_was_killed_is_followed_by_the_next_one(url, writer):
    process, connection = writer
    connection.send(0)
    assert connection.recv() == "added"
    process.kill()
    successor = open_storage(url)
    successor.append([opened(1)])
    successor.close()
    assert list(successor.read()) == [opened(0), opened(1)]


def test_a_writer_holds_its_run_as_long_as_it_lives_and_frees_it_when_it_closes(url):
    def end():
        return documents_of(url)["hpbandster_runs"][0]["until"]

    storage = open_storage(url)
    first = end()
    wait_until(lambda: end() > first, "the run is held for longer")
    storage.close()
    assert end() < first


def test_a_run_that_is_held_by_a_clock_that_was_set_back_is_free(url):
    open_storage(url).close()
    with pymongo.MongoClient(url) as client:
        runs = client.get_default_database()["hpbandster_runs"]
        runs.update_one({}, [{"$set": {"until": {"$add": ["$$NOW", 3_600_000]}}}])
    open_storage(url).close()


def test_a_record_that_the_writer_was_not_told_of_is_no_successor(url):
    storage = open_storage(url)
    storage.append([opened(0)])
    storage._writer._num_records -= 1  # as if the answer had been lost
    storage.append([opened(1)])
    storage.close()
    assert list(storage.read()) == [opened(0), opened(1)]


# servers


def test_a_server_that_goes_away_is_one_clear_error_and_what_was_acknowledged_is_there(make_mongod):
    with make_mongod() as server:
        url = url_on(server) + "?serverSelectionTimeoutMS=300"
        storage = open_storage(url)
        storage.append([opened(0)])
        server.kill()
        for act in (lambda: storage.append([opened(1)]), storage.read, MongoStorage(url, "run").open):
            with pytest.raises(StorageError, match=r"run 'run' in mongodb.* cannot be (written|read): .*") as caught:
                act()
            assert "\n" not in str(caught.value)
        server.start()
        storage.append([opened(2)])
        storage.close()
        assert list(storage.read()) == [opened(0), opened(2)]


def test_a_password_is_not_told():
    storage = MongoStorage("mongodb://user:sesame@127.0.0.1:1/runs?serverSelectionTimeoutMS=100", "run")
    with pytest.raises(StorageError, match=r"user:\*\*\*@127\.0\.0\.1:1/runs cannot be written: .*refused") as caught:
        storage.open()
    assert "sesame" not in str(caught.value)


def test_the_runs_of_a_database_are_listed(url):
    assert run_ids_of(url) == []
    for name in ("second", "first"):
        open_storage(url, name).close()
    assert run_ids_of(url) == ["first", "second"]


def test_a_follower_of_a_run_that_was_replaced_is_told(url):
    storage = open_storage(url)
    storage.append([opened(0)])
    storage.close()
    follower = MongoStorage(url, "run")
    bookmark = follower.read_on().bookmark
    with pymongo.MongoClient(url) as client:
        client.get_default_database()["hpbandster_run_texts"].delete_many({})
    gone = follower.read_on(bookmark)
    assert (list(gone.events), gone.bookmark, gone.is_anew) == ([], None, True)
    storage = open_storage(url)
    storage.append([opened(1)])
    storage.close()
    news = follower.read_on(bookmark)
    assert (list(news.events), news.is_anew) == ([opened(1)], True)
