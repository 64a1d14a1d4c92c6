from __future__ import annotations

import multiprocessing
import signal

import pytest

from hpbandster_ng.engine.events import OpenIteration
from hpbandster_ng.storage.journal import JournalStorage
from tests.storage.dying import DyingStorage

EVENTS = [OpenIteration(float(number), number) for number in range(6)]


def append_by_twos(directory, num_events):
    storage = DyingStorage(JournalStorage(directory), num_events)
    storage.open()
    for start in range(0, len(EVENTS), 2):
        storage.append(EVENTS[start : start + 2])
    storage.close()


@pytest.mark.parametrize("num_events", range(1, len(EVENTS) + 2))
def test_a_process_dies_when_so_many_events_are_kept(tmp_path, num_events):
    process = multiprocessing.get_context("spawn").Process(target=append_by_twos, args=(tmp_path, num_events))
    process.start()
    process.join()
    assert process.exitcode == (0 if num_events > len(EVENTS) else -signal.SIGKILL)
    assert list(JournalStorage(tmp_path).read()) == EVENTS[:num_events]
