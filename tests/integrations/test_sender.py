"""Calls are made in order, in a thread that nobody waits for longer than agreed."""

from __future__ import annotations

import logging
import threading

import pytest

from hpbandster_ng.integrations.sender import Sender
from tests.waiting import LIMIT, wait_until


@pytest.fixture
def gate():
    """Lets a call that waits for it end, at the latest after the test."""
    event = threading.Event()
    yield event
    event.set()


def test_calls_are_made_in_their_order_and_urgent_ones_first(gate):
    heard, sender = [], Sender("a list")
    sender.put(lambda: gate.wait(LIMIT))
    for number in range(3):
        sender.put(lambda number=number: heard.append(number))
        sender.put(lambda number=number: heard.append(f"urgent {number}"), first=True)
    gate.set()
    sender.close(patience=LIMIT)
    assert heard == ["urgent 0", "urgent 1", "urgent 2", 0, 1, 2]


def test_what_raises_is_told_once_and_counted(caplog):
    heard, sender = [], Sender("the list")
    with caplog.at_level(logging.WARNING, "hpbandster_ng"):
        for number in range(3):
            sender.put(lambda: heard[9])
            sender.put(lambda number=number: heard.append(number))
        sender.close(patience=LIMIT)
    assert heard == [0, 1, 2]
    first, last = (record.getMessage() for record in caplog.records)
    assert "the list is not told everything (IndexError" in first
    assert last == "the list has missed 3 of the calls of this run"


def test_what_is_too_much_is_dropped(caplog, gate):
    heard, sender = [], Sender("a list", capacity=2)
    has_begun = threading.Event()
    sender.put(lambda: has_begun.set() or gate.wait(LIMIT))
    assert has_begun.wait(LIMIT)
    for number in range(5):
        sender.put(lambda number=number: heard.append(number))
    assert sender.is_behind
    gate.set()
    sender.close(patience=LIMIT)
    assert heard == [0, 1]
    assert "so many calls wait already" in caplog.text
    assert "missed 3" in caplog.text


def test_closing_waits_no_longer_than_it_is_told(caplog, gate):
    heard, sender = [], Sender("a list")
    sender.put(lambda: gate.wait(LIMIT))
    sender.put(lambda: heard.append(1))
    sender.close(patience=0.01)
    assert "missed 1" in caplog.text
    gate.set()
    sender.close(patience=LIMIT)
    assert heard == []


def test_what_fails_after_the_end_is_not_told_any_more(caplog, gate):
    sender = Sender("a list")

    def fail():
        gate.wait(LIMIT)
        raise OSError("too late")

    sender.put(fail)
    sender.close(patience=0.01)
    gate.set()
    sender.close(patience=LIMIT)
    assert "too late" not in caplog.text


def test_a_call_has_others_made_while_the_end_waits(gate):
    heard, sender = [], Sender("a list")

    def count(number):
        gate.wait(LIMIT)
        heard.append(number)
        if number < 3:
            sender.put(lambda: count(number + 1))

    sender.put(lambda: count(0))
    end = threading.Thread(target=sender.close, args=(LIMIT,))
    end.start()
    wait_until(lambda: sender._is_closing, "the end waits")
    gate.set()
    end.join()
    assert heard == [0, 1, 2, 3]


def test_after_its_end_it_begins_anew():
    heard, sender = [], Sender("a list")
    for number in range(3):
        sender.put(lambda number=number: heard.append(number))
        sender.close(patience=LIMIT)
    assert heard == [0, 1, 2]


def test_somebody_may_wait_for_what_comes_about(gate):
    heard, sender = [], Sender("a list")
    sender.put(lambda: heard.append(1))
    assert sender.wait_for(lambda: heard, LIMIT)
    sender.put(lambda: gate.wait(LIMIT))
    sender.put(lambda: heard.append(2))
    assert not sender.wait_for(lambda: len(heard) == 2, 0.01)
    assert sender.is_behind
    assert not sender.wait_for(lambda: len(heard) == 2, LIMIT * 1000)  # at once, since it is behind
    gate.set()
    sender.close(patience=LIMIT)
    assert heard == [1, 2]
    assert not sender.is_behind


def test_nobody_waits_for_what_has_failed():
    sender = Sender("a list")
    sender.put(lambda: next(iter([])))
    assert not sender.wait_for(lambda: False, LIMIT * 1000)
    sender.close(patience=LIMIT)
