"""The desk as a table of calls and what follows, without any socket: connections are stand-ins."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import Pyro4
import pytest

from hpbandster_ng.backends.pyro import desk as desk_module
from hpbandster_ng.backends.pyro.desk import AGAIN, SHUTDOWN, Desk
from hpbandster_ng.backends.pyro.wire import Attempt, encode_report
from hpbandster_ng.engine.events import JobFinished, WorkerJoined, WorkerLost
from hpbandster_ng.engine.records import Outcome, OutcomeState

DONE = Outcome(OutcomeState.SUCCEEDED, {"loss": 0.5, "info": {}})


class Connection:
    def __init__(self):
        self.sock = SimpleNamespace(settimeout=lambda limit: None)
        self.is_hung_up = False

    def hang_up(self):
        self.is_hung_up = True


class Time:
    """Stands for the module ``time`` in the desk."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def time(monkeypatch):
    time = Time()
    monkeypatch.setattr(desk_module, "time", time)
    return time


@pytest.fixture
def desk(time, monkeypatch):
    monkeypatch.setattr(desk_module, "_POLL", 0.05)
    return Desk("run", clock=time.monotonic, silence_limit=30.0, versions={"numpy": "2.0"})


@pytest.fixture
def over(monkeypatch):
    """Sets the connection over which the next calls come."""

    def over(connection):
        monkeypatch.setattr(Pyro4.current_context, "client", connection)
        return connection

    return over


@pytest.fixture
def connection(over):
    return over(Connection())


def attempt(desk, number=1, budget=1.0):
    return Attempt((0, 0, 0), budget, number, desk.session)


def events(desk):
    found = []
    while (event := desk.next_event(0)) is not None:
        found.append(event)
    return found


def kinds(desk):
    return [type(event) for event in events(desk)]


def test_a_member_takes_a_job_and_reports_it(desk, connection):
    assert desk.join("w", "token") == ""
    assert events(desk) == [WorkerJoined(100.0, "w")]
    desk.deliver("w", attempt(desk), "job")
    assert desk.exchange("w", "token", None, 0.01) == "job"
    report = encode_report(attempt(desk), DONE)
    assert desk.exchange("w", "token", report, None) == AGAIN
    (finished,) = events(desk)
    assert finished == JobFinished(100.0, (0, 0, 0), 1.0, 1, "w", DONE)
    assert desk.exchange("w", "token", report, None) == AGAIN  # it came twice, and is not in the log yet
    desk.acknowledge(finished)
    assert desk.exchange("w", "token", report, None) == ""
    assert events(desk) == []


@pytest.mark.timeout(4)  # less than it would wait for the log
def test_who_reports_while_the_desk_closes_is_sent_home_at_once(desk, connection, monkeypatch):
    monkeypatch.setattr(desk_module, "_POLL", 5.0)
    desk.join("w", "token")
    events(desk)
    desk.deliver("w", attempt(desk), "job")
    desk.exchange("w", "token", None, 0.01)
    desk.send_home()
    assert desk.exchange("w", "token", encode_report(attempt(desk), DONE), 5.0) == SHUTDOWN
    assert events(desk) == [JobFinished(100.0, (0, 0, 0), 1.0, 1, "w", DONE)]


def test_a_job_whose_reply_was_lost_is_handed_out_again(desk, connection):
    desk.join("w", "token")
    events(desk)
    desk.deliver("w", attempt(desk), "job")
    assert [desk.exchange("w", "token", None, 0.01) for _ in range(3)] == ["job"] * 3


def test_a_report_whose_reply_was_lost_counts_once(desk, connection):
    desk.join("w", "token")
    events(desk)
    desk.deliver("w", attempt(desk), "job")
    desk.exchange("w", "token", None, 0.01)
    report = encode_report(attempt(desk), DONE)
    desk.exchange("w", "token", report, 0.0)
    desk.exchange("w", "token", report, 0.0)
    assert kinds(desk) == [JobFinished]


def test_a_report_that_is_none_fails_the_job_in_hand(desk, connection):
    desk.join("w", "token")
    events(desk)
    assert desk.exchange("w", "token", "no report", 0.0) == ""
    assert events(desk) == []
    desk.deliver("w", attempt(desk), "job")
    desk.exchange("w", "token", None, 0.01)
    assert desk.exchange("w", "token", "no report", 0.0) == AGAIN
    (finished,) = events(desk)
    assert finished.key == ((0, 0, 0), 1.0)
    assert finished.outcome.state is OutcomeState.FAILED
    assert "this is no report" in finished.outcome.error


@pytest.mark.parametrize("name", [None, 7, ["w"]])
def test_a_member_has_a_name(desk, connection, name):
    with pytest.raises(TypeError, match="must be text"):
        desk.join(name, "token")
    with pytest.raises(TypeError, match="must be text"):
        desk.join("w", name)
    assert events(desk) == []


def test_a_busy_member_whose_connection_breaks_goes_on_over_the_next(desk, connection, over, time):
    desk.join("w", "token")
    events(desk)
    desk.deliver("w", attempt(desk), "job")
    desk.exchange("w", "token", None, 0.01)
    desk.disconnected(connection)
    time.now += 1.0
    desk.drop_silent()
    over(Connection())
    assert desk.join("w", "token") == ""
    time.now += 20.0
    desk.drop_silent()
    desk.exchange("w", "token", encode_report(attempt(desk), DONE), None)
    assert kinds(desk) == [JobFinished]


def test_a_heartbeat_over_a_new_connection_is_a_sign_of_life(desk, connection, over, time):
    desk.join("w", "token")
    events(desk)
    desk.deliver("w", attempt(desk), "job")
    desk.exchange("w", "token", None, 0.01)
    desk.disconnected(connection)
    over(Connection())
    desk.heartbeat("w", "token")
    time.now += 20.0
    desk.drop_silent()
    desk.disconnected(connection)  # the end of the old one is noticed late
    assert events(desk) == []


def test_a_busy_member_that_does_not_come_back_is_lost(desk, connection, time):
    desk.join("w", "token")
    events(desk)
    desk.deliver("w", attempt(desk), "job")
    desk.exchange("w", "token", None, 0.01)
    desk.disconnected(connection)
    assert events(desk) == []
    time.now += 2.5
    desk.drop_silent()
    assert events(desk) == [WorkerLost(102.5, "w", "its connection closed in the middle of a job")]
    assert desk.exchange("w", "token", None, 0.0) is None


def test_an_idle_member_whose_connection_closes_is_lost_at_once(desk, connection):
    desk.join("w", "token")
    desk.disconnected(connection)
    assert kinds(desk) == [WorkerJoined, WorkerLost]


def test_a_silent_member_is_lost_and_its_connection_is_hung_up_on(desk, connection, time):
    desk.join("w", "token")
    for _ in range(4):
        time.now += 10.0
        desk.drop_silent()
    assert kinds(desk) == [WorkerJoined, WorkerLost]
    assert connection.is_hung_up


def test_a_master_that_was_away_does_not_blame_its_members(desk, connection, time):
    desk.join("w", "token")
    time.now += 3600.0
    desk.drop_silent()
    assert kinds(desk) == [WorkerJoined]


def test_a_job_meant_for_a_former_membership_does_not_reach_the_next(desk, connection, over):
    """The loop learns late that a worker has left and come again: what it hands out meanwhile is void."""
    desk.join("w", "token")
    events(desk)
    desk.leave("w", "token", "it left")
    desk.join("w", "another")
    desk.deliver("w", attempt(desk, 1), "for the former")
    assert desk.exchange("w", "another", None, 0.0) == ""
    assert kinds(desk) == [WorkerLost, WorkerJoined]
    desk.deliver("w", attempt(desk, 2), "for the next")
    assert desk.exchange("w", "another", None, 0.01) == "for the next"


def test_a_report_for_an_earlier_master_changes_nothing(desk, connection):
    desk.join("w", "token")
    events(desk)
    desk.deliver("w", attempt(desk), "job")
    stale = encode_report(attempt(desk)._replace(session="an earlier master's"), DONE)
    assert desk.exchange("w", "token", stale, 0.01) == "job"
    assert events(desk) == []


def test_a_report_of_a_member_that_was_dropped_changes_nothing(desk, connection):
    desk.join("w", "token")
    desk.leave("w", "token", "it left")
    assert desk.exchange("w", "token", encode_report(attempt(desk), DONE), 0.0) is None
    assert kinds(desk) == [WorkerJoined, WorkerLost]


def test_a_name_belongs_to_one_living_worker(desk, connection, over):
    desk.join("w", "token")
    over(Connection())
    assert "another worker of that name is at work" in desk.join("w", "another")
    assert kinds(desk) == [WorkerJoined]


def test_a_worker_whose_connection_broke_makes_room_for_a_new_one_of_its_name(desk, connection, over):
    """A container that restarts has the same host name and process id."""
    desk.join("w", "token")
    events(desk)
    desk.deliver("w", attempt(desk), "job")
    desk.exchange("w", "token", None, 0.01)
    desk.disconnected(connection)
    over(Connection())
    assert desk.join("w", "another") == ""
    assert kinds(desk) == [WorkerLost, WorkerJoined]


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (lambda desk: desk.exchange("w", "wrong", None, 0.0), None),
        (lambda desk: desk.exchange("stranger", "token", None, 0.0), None),
        (lambda desk: desk.exchange("w", "wrong", encode_report(attempt(desk), DONE), 0.0), None),
        (lambda desk: desk.heartbeat("w", "wrong"), (1.0, False)),
        (lambda desk: desk.leave("w", "wrong", "it left"), None),
        (lambda desk: desk.wake("w", "wrong"), None),
    ],
)
def test_a_wrong_token_changes_nothing(desk, connection, over, call, answer):
    desk.join("w", "token")
    events(desk)
    desk.deliver("w", attempt(desk), "job")
    over(Connection())
    assert call(desk) == answer
    assert events(desk) == []
    desk.disconnected(Pyro4.current_context.client)  # the intruder's connection is nobody's
    over(connection)
    assert desk.exchange("w", "token", None, 0.01) == "job"


def test_a_wrong_token_is_no_sign_of_life(desk, connection, time):
    desk.join("w", "token")
    for _ in range(4):
        time.now += 10.0
        desk.heartbeat("w", "wrong")
        desk.drop_silent()
    assert kinds(desk) == [WorkerJoined, WorkerLost]


def test_closing_sends_home_the_idle_and_the_busy_and_whoever_comes(desk, connection):
    for name in ("idle", "busy"):
        desk.join(name, "token")
    events(desk)
    desk.deliver("busy", attempt(desk), "job")
    desk.exchange("busy", "token", None, 0.01)
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(exchange_idle()))

    def exchange_idle():
        Pyro4.current_context.client = connection
        return desk.exchange("idle", "token", None, 5.0)

    waiting.start()
    desk.send_home()
    waiting.join(2.0)
    assert answers == [SHUTDOWN]
    assert desk.heartbeat("busy", "token") == (1.0, True)
    assert desk.exchange("busy", "token", encode_report(attempt(desk), DONE), None) == SHUTDOWN
    assert desk.join("late", "token") == SHUTDOWN
    assert not desk.is_empty
    for name in ("idle", "busy"):
        desk.leave(name, "token", "it was sent home")
    assert desk.is_empty


def test_many_members_beat_slower_and_short_limits_faster(time, connection):
    desk = Desk("run", time.monotonic, silence_limit=600.0, versions={})
    for i in range(400):
        desk.join(f"w{i}", "token")
    assert desk.heartbeat("w0", "token") == (2.0, False)
    assert Desk("run", time.monotonic, silence_limit=3.0, versions={}).heartbeat("w0", "token") == (1.0, False)


def test_a_member_that_leaves_while_it_waits_is_woken(desk, connection):
    desk.join("w", "token")
    answers = []

    def wait():
        Pyro4.current_context.client = connection
        answers.append(desk.exchange("w", "token", None, 5.0))

    waiting = threading.Thread(target=wait)
    waiting.start()
    desk.wake("w", "token")
    waiting.join(2.0)
    assert answers == [""]
