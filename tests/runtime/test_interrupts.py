"""Ctrl-C at a moment when nothing is torn apart by it."""

from __future__ import annotations

import signal

import pytest

from hpbandster_ng.runtime.interrupts import uninterrupted
from hpbandster_ng.testing.calling import send_to_main_thread


@pytest.fixture
def answered():
    """What the program's own answer to Ctrl-C was asked, and what had been done by then."""
    calls = []
    before = signal.signal(signal.SIGINT, lambda number, _: calls.append(number))
    yield calls
    signal.signal(signal.SIGINT, before)


def interrupt(times):
    """Whether the block went to its end."""
    is_done = False
    try:
        with uninterrupted():
            for _ in range(times):
                send_to_main_thread(signal.SIGINT)
            is_done = True
    except KeyboardInterrupt:
        return is_done
    raise AssertionError("there should be a KeyboardInterrupt")


def test_the_block_is_not_interrupted_and_the_program_ends_behind_it():
    assert interrupt(times=1)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_one_interrupts_at_once():
    assert not interrupt(times=2)


def test_a_program_that_answers_itself_does_so_behind_the_block(answered):
    with uninterrupted():
        send_to_main_thread(signal.SIGINT)
        assert answered == []
    assert answered == [signal.SIGINT]


def test_one_that_is_ignored_stays_so(answered):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with uninterrupted():
        send_to_main_thread(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
