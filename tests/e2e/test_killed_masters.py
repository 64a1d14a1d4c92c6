"""Masters that are killed: the same script, started again, goes on, and nothing is lost or done twice."""

from __future__ import annotations

import signal
import time
from collections import Counter

import pytest

from hpbandster_ng.engine.events import EndJob, JobFinished, StartJob
from hpbandster_ng.storage.journal import JournalStorage
from hpbandster_ng.storage.memory import MemoryStorage
from tests.e2e import dying_master, dying_master_in_mongodb
from tests.e2e.chaos import Chaos, figures
from tests.engine.driver import of_type, rows_executed
from tests.storage.conftest import make_mongod, mongod
from tests.waiting import LIMIT, wait_until

__all__ = ["make_mongod", "mongod"]

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

MANY_LIVES = 150.0
"""Seconds that a hundred masters may take, one after the other, on a busy machine."""


def outcomes(result):
    return {(run.config_id, run.budget): run.loss for run in result.get_all_runs()}


@pytest.fixture(scope="module")
def undisturbed():
    storage = MemoryStorage()
    result = dying_master.run(storage)
    return outcomes(result), list(storage.read())


def assert_nothing_is_lost_or_done_twice(log, undisturbed):
    assert rows_executed(log) == rows_executed(undisturbed[1])
    assert Counter(event.key for event in of_type(log, EndJob)) == dict.fromkeys(undisturbed[0], 1)
    assert_nothing_is_done_twice(log)


def assert_nothing_is_done_twice(log):
    done = set()
    for event in log:
        if isinstance(event, JobFinished):
            done.add(event.key)
        assert not (isinstance(event, StartJob) and event.key in done), f"{event.key} was computed again"


def test_workers_that_live_on_are_adopted(tmp_path):
    with Chaos(tmp_path, n_workers=2, n_iterations=3) as chaos:
        wait_until(lambda: len(of_type(chaos.log(), JobFinished)) >= 4, "some jobs are done")
        chaos.kill_master()
        wait_until(lambda: len(of_type(chaos.log(), JobFinished)) >= 8, "it goes on")
        assert [worker.popen.poll() for worker in chaos.workers] == [None, None]
        chaos.wait_for_the_end(LIMIT)
        log = chaos.log()
    told = figures(log)
    assert told["masters that took over"] == 1
    assert told["jobs that succeeded exactly once"] == told["jobs"] == 20
    assert 1 <= told["attempts made again"] <= 2
    names = {event.worker for event in of_type(log, StartJob)}
    assert len(names) == 2
    assert_nothing_is_done_twice(log)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_master_that_is_told_to_end_returns_what_there_is_and_says_how_to_go_on(tmp_path, number):
    with Chaos(tmp_path, n_workers=2, n_iterations=2) as chaos:
        wait_until(lambda: len(of_type(chaos.log(), JobFinished)) >= 3, "some jobs are done")
        told, begin = chaos.master, time.monotonic()
        told.popen.send_signal(number)
        code = told.end()
        assert time.monotonic() - begin < 15
        assert (code != 0, "finished with" in told.output) == (
            (True, False) if number == signal.SIGINT else (False, True)
        )
        assert "run chaos is not finished; the same script, started again, goes on from" in told.output
        chaos.keep_workers()  # the master sent them home
        chaos.start_master()
        chaos.wait_for_the_end(LIMIT)
        log = chaos.log()
    told = figures(log)
    assert told["jobs that succeeded exactly once"] == told["jobs"] == 17
    assert_nothing_is_done_twice(log)


@pytest.fixture
def exit_codes(spawn):
    """Of masters that die, as ``dying_masters.py`` starts them."""

    def exit_codes(*arguments):
        masters = spawn("-m", "tests.e2e.dying_masters", *arguments)
        assert masters.popen.wait(MANY_LIVES) == 0, masters.output
        lines = masters.output.splitlines()
        assert all(line.lstrip("-").isdigit() for line in lines), masters.output
        return [int(line) for line in lines]

    return exit_codes


@pytest.mark.timeout(300)  # it starts a process for each event
def test_a_master_killed_after_any_event_goes_on(exit_codes, tmp_path, undisturbed):
    """Its disk has exactly the first events of the log, whichever they are."""
    most = len(undisturbed[1])
    assert exit_codes("once", tmp_path, most) == [-signal.SIGKILL] * most
    kinds = set()
    for num_events in range(1, most + 1):
        storage = JournalStorage(tmp_path / str(num_events))
        kept = list(storage.read())
        assert [type(event) for event in kept] == [type(event) for event in undisturbed[1][:num_events]]
        kinds.add(type(kept[-1]))
        assert outcomes(dying_master.run(storage)) == undisturbed[0]
        assert_nothing_is_lost_or_done_twice(list(storage.read()), undisturbed)
    assert kinds == {type(event) for event in undisturbed[1]}


@pytest.mark.parametrize("num_events", [6, 11])
def test_a_master_killed_again_and_again_comes_to_the_end(exit_codes, tmp_path, undisturbed, num_events):
    *killed, last = exit_codes("again", tmp_path / "log", num_events)
    assert killed == [-signal.SIGKILL] * len(killed)
    assert last == 0
    assert len(killed) >= 4
    storage = JournalStorage(tmp_path / "log")
    assert outcomes(dying_master.run(storage)) == undisturbed[0]
    assert_nothing_is_lost_or_done_twice(list(storage.read()), undisturbed)


def test_a_master_with_its_log_in_mongodb_that_was_killed_goes_on_at_once(spawn, mongod, tmp_path):
    url, compute = f"mongodb://{mongod.host}/killed_masters", dying_master_in_mongodb.Compute()
    killed = spawn("-m", "tests.e2e.dying_master_in_mongodb", url, tmp_path)
    assert killed.end() == -signal.SIGKILL, killed.output
    result = dying_master_in_mongodb.run(url, compute, str(tmp_path))
    undisturbed = dying_master_in_mongodb.run(MemoryStorage(), dying_master_in_mongodb.Compute(), str(tmp_path))
    assert outcomes(result) == outcomes(undisturbed)
    assert len(compute.keys) == len(outcomes(result)) - dying_master_in_mongodb.NUM_BEFORE_DEATH
