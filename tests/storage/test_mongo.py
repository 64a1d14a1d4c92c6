"""Logs that many processes share in MongoDB: real servers, which crash, refuse and hold what is newer."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import signal
import uuid
from concurrent.futures import ThreadPoolExecutor

import pymongo
import pytest

from hpbandster_ng.engine.events import OpenIteration, WorkerJoined
from hpbandster_ng.errors import InvalidArgumentError, LogError, NotPlainError, StorageBusyError, StorageError
from hpbandster_ng.storage.mongo import MongoSharedLogs
from hpbandster_ng.storage.shared import Record
from hpbandster_ng.testing.shared_logs import SharedLogsContract
from tests.waiting import LIMIT, wait_until


def url_on(server):
    """Of a database that holds nothing yet."""
    return f"mongodb://{server.host}/db_{uuid.uuid4().hex}"


class TestOneServer(SharedLogsContract):
    @pytest.fixture(autouse=True)
    def _url(self, mongod):
        self.url = url_on(mongod)

    def factory(self, directory):
        return functools.partial(MongoSharedLogs, self.url)


class TestReplicaSet(SharedLogsContract):
    @pytest.fixture(autouse=True)
    def _url(self, mongod_replica_set):
        self.url = url_on(mongod_replica_set) + "?replicaSet=set"

    def factory(self, directory):
        return functools.partial(MongoSharedLogs, self.url)


@pytest.fixture
def url(mongod):
    return url_on(mongod)


@pytest.fixture
def logs(url):
    """With a log "a" of one record."""
    logs = MongoSharedLogs(url)
    logs.create("a", opened(0))
    yield logs
    logs.close()


def opened(number):
    return [OpenIteration(float(number), number)]


def add(logs, number, meanwhile=lambda: None):
    with logs.turn("a", number) as turn:
        record = turn.append(opened(number))
        meanwhile()
    return record


def documents_of(url):
    """All that its database holds, by collection."""
    with pymongo.MongoClient(url) as client:
        database = client.get_default_database()
        return {name: list(database[name].find()) for name in database.list_collection_names()}


# what is kept


def test_records_beyond_the_tail_are_found_from_anywhere(logs, url):
    for number in range(1, 200):
        assert add(logs, number) == Record(number + 1, tuple(opened(number)))
    assert len(documents_of(url)["hpbandster_log_texts"]) >= 100
    records = [Record(number + 1, tuple(opened(number))) for number in range(200)]
    for after in (0, 1, 31, 32, 33, 63, 64, 65, 95, 96, 97, 127, 128, 129, 199, 200):
        assert logs.read("a", after) == records[after:]
        with logs.turn("a", after) as turn:
            assert list(turn.records) == records[after:]


def test_many_long_records_fit_and_one_that_is_too_long_is_refused_and_holds_up_nobody(logs):
    for number in range(1, 10):
        with logs.turn("a", number) as turn:
            turn.append([WorkerJoined(0.0, str(number) * 3_000_000)])
    with (
        pytest.raises(
            NotPlainError, match=r"a record of 17,000,\d+ bytes is too large for a document of MongoDB"
        ) as caught,
        logs.turn("a", 10) as turn,
    ):
        turn.append([WorkerJoined(0.0, "w" * 17_000_000)])
    assert len(str(caught.value)) < 600
    assert add(logs, 10).number == 11
    assert [record.events[0].worker[:2] for record in logs.read("a", 1)[:-1]] == [str(n) * 2 for n in range(1, 10)]


@pytest.mark.parametrize("name", ["$count", "$$NOW", "a.b", "", "ü'\"--", "x" * 900])
def test_any_name_of_a_log_or_a_holder_is_just_a_name(url, name):
    logs = MongoSharedLogs(url)
    assert logs.create(name, [WorkerJoined(0.0, name)])
    with logs.turn(name, 0) as turn:
        turn.append([WorkerJoined(1.0, name)], leases={name: 0.0, "other": 0.0})
    assert logs.renew(name, {name: 0.0, "none": 0.0}) == {name}
    with logs.turn(name, 2) as turn:
        assert list(turn.expired) == sorted([name, "other"])
        turn.append([WorkerJoined(2.0, name)], ended=["other"])
    assert logs.names() == [name]
    assert [record.events for record in logs.read(name)] == [(WorkerJoined(float(at), name),) for at in range(3)]
    logs.close()


def test_what_is_no_record_is_a_log_error_that_says_where(logs, url):
    with pymongo.MongoClient(url) as client:
        client.get_default_database()["hpbandster_logs"].update_one({"_id": "a"}, {"$set": {"tail": ["{}"]}})
    with pytest.raises(LogError, match=r"127\.0\.0\.1:.*, log 'a', record 1, is no record of a run's log"):
        logs.read("a")
    with pytest.raises(LogError, match="log 'a', record 1, is no record"), logs.turn("a", 0):
        pass
    assert add(logs, 1).number == 2  # who knows that record is not held up


def test_a_majority_keeps_in_its_journal_what_a_turn_adds(logs):
    concern = logs._connected().kept_logs.write_concern.document
    assert (concern["w"], concern["j"]) == ("majority", True)


# turns


def test_a_turn_lasts_as_long_as_its_holder_lives(logs, url):
    def end():
        return documents_of(url)["hpbandster_logs"][0]["until"]

    with logs.turn("a", 1) as turn:
        first = end()
        wait_until(lambda: end() > first, "the turn is prolonged")
        turn.append(opened(1))
    assert len(logs.read("a")) == 2


def stay(url, sender):
    """Of another process: be late with what it adds."""
    try:
        with MongoSharedLogs(url).turn("a", 2) as turn:
            turn.append(opened(1000))
            sender.send(os.getpid())
            sender.recv()
    except StorageBusyError as error:
        sender.send(str(error))


def in_a_turn(logs):
    assert add(logs, 2).number == 3


def with_a_lease(logs):
    wait_until(lambda: logs.end("a", "w", lambda _: opened(2)), "the turn has ended by itself")


@pytest.mark.slow
@pytest.mark.parametrize("add_something", [in_a_turn, with_a_lease])
def test_a_process_that_was_paused_in_its_turn_is_replaced_and_adds_nothing(logs, url, add_something):
    with logs.turn("a", 1) as turn:
        turn.append(opened(1), leases={"w": 1000.0})
    context = multiprocessing.get_context("spawn")
    connection, other = context.Pipe()
    process = context.Process(target=stay, args=(url, other))
    process.start()
    pid = connection.recv()
    os.kill(pid, signal.SIGSTOP)
    try:
        add_something(logs)
    finally:
        os.kill(pid, signal.SIGCONT)
    connection.send("go on")
    assert "a turn in log 'a' of mongodb://127.0.0.1" in connection.recv()
    process.join()
    assert logs.read("a", 2) == [Record(3, tuple(opened(2)))]


def test_a_turn_in_a_log_that_is_deleted_adds_nothing(logs):
    with pytest.raises(StorageBusyError, match=r"or the log was deleted, .* nothing was added"):
        add(logs, 1, meanwhile=lambda: logs.delete("a"))
    assert logs.names() == []


def test_who_waits_for_a_turn_in_a_log_that_is_deleted_is_told_so(logs):
    def delete():
        waiting = executor.submit(add, logs, 1)
        wait_until(lambda: logs._connected().logs.find_one()["queue"], "another one waits for its turn")
        logs.delete("a")
        with pytest.raises(LogError, match="there is no log 'a'"):
            waiting.result(LIMIT)

    with ThreadPoolExecutor(1) as executor, pytest.raises(StorageBusyError):
        add(logs, 1, meanwhile=delete)


def test_who_waits_sees_what_is_added_meanwhile(logs):
    def wait_for_turn():
        with logs.turn("a", 0) as turn:
            return list(turn.records)

    with ThreadPoolExecutor(1) as executor:
        with logs.turn("a", 1) as turn:
            waiting = executor.submit(wait_for_turn)
            wait_until(lambda: logs._connected().logs.find_one()["queue"], "another one waits for its turn")
            turn.append(opened(1))
        assert waiting.result(LIMIT) == [Record(1, tuple(opened(0))), Record(2, tuple(opened(1)))]


def test_who_no_longer_waits_is_not_waited_for(logs):
    def give_up(*_):
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, give_up)
    try:
        with logs.turn("a", 1):
            signal.setitimer(signal.ITIMER_REAL, 0.5)
            with pytest.raises(KeyboardInterrupt), logs.turn("a", 1):
                pass
    finally:
        signal.signal(signal.SIGALRM, previous)
    log = logs._connected().logs.find_one()
    assert (log["holder"], log["queue"]) == (None, [])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_makes_a_connection_of_its_own(logs):
    add(logs, 1)
    process = multiprocessing.get_context("fork").Process(target=add, args=(logs, 2))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert add(logs, 3).number == 4


# servers


@pytest.fixture
def crashing(make_mongod):
    """A running server of this test's own."""
    with make_mongod() as server:
        yield server


def test_what_was_acknowledged_outlives_a_crash_of_the_server(crashing):
    logs = MongoSharedLogs(url_on(crashing))
    logs.create("a", opened(0))
    with logs.turn("a", 1) as turn:
        turn.append(opened(1), leases={"w": 0.0})
    for number in range(2, 100):
        add(logs, number)
    crashing.kill()
    crashing.start()
    with contextlib.suppress(StorageError):
        add(logs, 100)
    with logs.turn("a", 100) as turn:
        known = 100 + len(turn.records)
        assert list(turn.expired) == ["w"]
        turn.append(opened(known))
    assert logs.read("a") == [Record(number + 1, tuple(opened(number))) for number in range(known + 1)]
    logs.close()


def test_a_server_that_crashes_in_a_turn_is_one_error_and_nothing_was_added(crashing):
    logs = MongoSharedLogs(url_on(crashing))
    logs.create("a", opened(0))

    def crash():
        crashing.kill()
        crashing.start()

    with pytest.raises(StorageError, match=r"cannot be written|in a crash"):
        add(logs, 1, meanwhile=crash)
    assert add(logs, 1).number == 2
    logs.close()


def test_no_server_is_a_storage_error_that_says_where():
    logs = MongoSharedLogs("mongodb://user:sesame@127.0.0.1:1/experiments?serverSelectionTimeoutMS=100")
    for act in (logs.names, lambda: logs.read("a"), lambda: logs.create("a", opened(0)), lambda: add(logs, 1)):
        with pytest.raises(StorageError, match=r"user:\*\*\*@127\.0\.0\.1:1/experiments cannot be .*refused") as caught:
            act()
        assert "sesame" not in str(caught.value)
        assert "Topology" not in str(caught.value)
        assert "\n" not in str(caught.value)
    logs.close()


@pytest.fixture(scope="module")
def closed_server(make_mongod):
    """A server that asks for passwords."""
    with make_mongod("--auth") as server:
        make_users(server)
        yield server


def make_users(server):
    with pymongo.MongoClient(f"mongodb://{server.host}") as client:
        client.admin.command("createUser", "root", pwd="root", roles=["root"])
    with pymongo.MongoClient(f"mongodb://root:root@{server.host}") as client:
        roles = [{"role": "readWrite", "db": "experiments"}]
        client.admin.command("createUser", "writer", pwd="open sesame:@/", roles=roles)
        client.admin.command("createUser", "reader", pwd="r", roles=[{"role": "read", "db": "experiments"}])


def test_who_has_a_password_and_the_right_may_write_and_the_others_are_told_why_not(closed_server):
    def logs_of(user):
        return MongoSharedLogs(f"mongodb://{user}@{closed_server.host}/experiments?authSource=admin")

    writer = logs_of("writer:open+sesame%3A%40%2F")
    assert writer.create("a", opened(0))
    wrong, reader = logs_of("writer:sesame"), logs_of("reader:r")
    with pytest.raises(
        StorageError, match=r"writer:\*\*\*@.*/experiments cannot be read: Authentication failed"
    ) as caught:
        wrong.names()
    assert "sesame" not in str(caught.value)
    assert reader.read("a") == [Record(1, tuple(opened(0)))]
    for act in (lambda: reader.create("b", opened(0)), lambda: add(reader, 1), lambda: reader.delete("a")):
        with pytest.raises(StorageError, match="cannot be written: not authorized on experiments; what was") as caught:
            act()
        assert len(str(caught.value)) < 300
    assert add(writer, 1).number == 2
    for each in (writer, wrong, reader):
        each.close()


def test_a_database_of_a_later_version_is_refused_and_not_touched(url):
    with pymongo.MongoClient(url) as client:
        client.get_default_database()["hpbandster_schema"].insert_one({"_id": "schema", "version": 2})
    before = documents_of(url)
    logs = MongoSharedLogs(url)
    acts = [logs.names, lambda: logs.read("a"), lambda: logs.create("a", opened(0)), lambda: add(logs, 1)]
    acts += [lambda: logs.renew("a", {"w": 1.0}), lambda: logs.delete("a")]
    for act in acts:
        with pytest.raises(LogError, match=r"has version 2 .* and this release uses 1; use the release that made it"):
            act()
    logs.close()
    assert documents_of(url) == before


# urls


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mongodb://h/d", "mongodb://h/d"),
        ("mongodb://u:sesame@h:1,i:2/d?replicaSet=r&authSource=admin", "mongodb://u:***@h:1,i:2/d"),
        ("mongodb+srv://u:sesame@h.example.com/d?retryWrites=true", "mongodb+srv://u:***@h.example.com/d"),
    ],
)
def test_a_url_is_shown_without_its_password(url, shown):
    assert repr(MongoSharedLogs(url)) == f"MongoSharedLogs('{shown}')"


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("mongodb://h", "must name a database"),
        ("mongodb://u:sesame@h:27017/?authSource=admin", "must name a database"),
        ("mongodb://h/d.collection", "must name a database, and no collection"),
        ("mongodb://", "must be the url of a MongoDB database"),
        ("mongodb://h:port/d", "must be the url of a MongoDB database"),
        ("mongodb://u:se/same@h/d", "must be the url of a MongoDB database"),
        ("mongodb://u:sesame@x@h/d", "must be the url of a MongoDB database"),
        ("mongodb://h/d?no=option", "must be the url of a MongoDB database"),
        ("mongodb://h/d?connectTimeoutMS=soon", "must be the url of a MongoDB database"),
        ("mongodb+srv://h:27017,i/", "must name a database"),
        ("postgresql://u:sesame@h/d", "must be the url of a MongoDB database"),
        ("experiments", "must be the url of a MongoDB database"),
    ],
)
def test_what_is_no_url_of_a_database_is_refused(url, rule):
    with pytest.raises(InvalidArgumentError, match=rule) as caught:
        MongoSharedLogs(url)
    assert "same" not in str(caught.value)
