from __future__ import annotations

import logging
import os
import signal
import threading
import time

import pytest

from hpbandster_ng.core.termination import Terminated, ended_by_signals

NUMBERS = [signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2]


@pytest.fixture(autouse=True)
def _handlers_of_before():
    before = {number: signal.signal(number, signal.SIG_DFL) for number in NUMBERS}
    yield
    assert [signal.getsignal(number) for number in NUMBERS] == [signal.SIG_DFL] * 3
    for number, handler in before.items():
        signal.signal(number, handler)


def ended(may_finish=lambda number: False, clock=time.monotonic):
    return ended_by_signals(may_finish, logging.getLogger("of the test"), "the block", clock)


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_ends_the_block_where_it_is_and_the_log_says_so(number, caplog):
    steps = []
    with ended():
        steps.append("begun")
        send(number)
        steps.append("went on")
    assert steps == ["begun"]
    assert caplog.messages == [f"the block was ended by {number.name}"]


@pytest.mark.parametrize(("second", "later"), [(signal.SIGTERM, 0.0), (signal.SIGUSR2, 0.0), (signal.SIGUSR1, 1.0)])
def test_who_may_finish_does_and_a_second_signal_ends_it(second, later):
    steps, asked = [], []
    times = iter([10.0, 10.0 + later])
    with ended(lambda number: asked.append(number) or True, lambda: next(times)):
        send(signal.SIGUSR1)
        steps.append("went on")
        send(second)
        steps.append("went on again")
    assert steps == ["went on"]
    assert asked == [signal.SIGUSR1]


@pytest.mark.parametrize("may_finish", [True, False])
def test_the_same_signal_again_is_an_echo(may_finish):
    steps = []
    with ended(lambda number: may_finish, lambda: 10.0):
        try:
            send(signal.SIGTERM)
            steps.append("went on")
        finally:
            send(signal.SIGTERM)
            send(signal.SIGTERM)
            steps.append("tidied up")
    assert steps == (["went on", "tidied up"] if may_finish else ["tidied up"])


def test_it_is_a_kind_of_ctrl_c_which_no_except_for_exceptions_catches():
    caught = []
    with ended():
        try:
            send(signal.SIGTERM)
        except Exception as error:  # noqa: BLE001 - as code of a user may
            caught.append(error)
    assert caught == []
    assert issubclass(Terminated, KeyboardInterrupt)


def test_without_a_signal_errors_and_ctrl_c_come_out():
    for error in (KeyboardInterrupt, ValueError):
        with pytest.raises(error), ended():
            raise error


def test_what_is_ignored_stays_so():
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    steps = []
    with ended():
        send(signal.SIGUSR1)
        steps.append("went on")
    assert steps == ["went on"]
    assert signal.signal(signal.SIGUSR1, signal.SIG_DFL) is signal.SIG_IGN


def test_another_thread_gets_no_signals():
    handlers = []

    def look():
        with ended():
            handlers.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert handlers == [signal.SIG_DFL]


def test_a_handler_of_the_program_stays():
    got = []
    signal.signal(signal.SIGUSR1, lambda number, frame: got.append(number))
    try:
        with ended():
            send(signal.SIGUSR1)
            got.append("went on")
    finally:
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    assert got == [signal.SIGUSR1, "went on"]
