"""A journal loses nothing that was acknowledged, whatever happens to its writer, its disk or its bytes."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import resource
import socket
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hpbandster_ng.engine.compaction import compacted
from hpbandster_ng.engine.events import (
    EndJob,
    JobFinished,
    OpenIteration,
    QueueJob,
    RunDescribed,
    StartJob,
    WorkerJoined,
)
from hpbandster_ng.engine.records import Job, JobReport, Outcome, OutcomeState
from hpbandster_ng.errors import HpbandsterError, LogError, StorageBusyError, StorageError
from hpbandster_ng.storage import journal
from hpbandster_ng.storage.journal import JournalStorage
from hpbandster_ng.testing.storages import FollowedStorageContract
from tests.storage.events import EVENTS, shapes
from tests.storage.filling import fill

KILLED = Path(__file__).parent / "killed_in_compaction.py"


class TestJournalStorage(FollowedStorageContract):
    def factory(self, directory):
        return functools.partial(JournalStorage, directory / "run")


def opened(number):
    return OpenIteration(float(number), number)


@contextlib.contextmanager
def writing(directory):
    storage = JournalStorage(directory)
    storage.open()
    try:
        yield storage
    finally:
        storage.close()


def write(directory, *appends):
    with writing(directory) as storage:
        for events in appends:
            storage.append(events)
    return directory / "journal"


def read(directory):
    return list(JournalStorage(directory).read())


def framed(text):
    return b"%08x %s\n" % (zlib.crc32(text.encode()), text.encode())


@pytest.fixture
def path(tmp_path):
    """A journal of three records."""
    return write(tmp_path, [opened(0)], [opened(1), WorkerJoined(1.0, "w")], [opened(2)])


# What is on the disk


def test_a_line_is_a_checksum_and_json(path):
    header, *records = path.read_bytes().splitlines(keepends=True)
    assert json.loads(header[9:]) == {"format": "hpbandster_ng journal", "version": 1, "compacted": 0}
    assert [len(json.loads(record[9:])["events"]) for record in records] == [1, 2, 1]
    assert all(framed(line[9:-1].decode()) == line for line in [header, *records])


def test_a_constructor_and_a_reader_write_nothing(tmp_path, path):
    JournalStorage(tmp_path / "new")
    assert read(tmp_path / "new") == []
    before = {each: each.stat().st_mtime_ns for each in tmp_path.iterdir()}
    read(tmp_path)
    assert {each: each.stat().st_mtime_ns for each in tmp_path.iterdir()} == before


def test_a_directory_is_made_with_its_parents_and_found_from_elsewhere(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    storage = JournalStorage("a/b")
    storage.open()
    monkeypatch.chdir(tmp_path / "elsewhere")
    storage.append([opened(0)])
    storage.close()
    assert list(storage.read()) == read(tmp_path / "a" / "b") == [opened(0)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.lists(st.lists(EVENTS, max_size=2), max_size=4))
def test_any_events_are_read_back(tmp_path_factory, appends):
    directory = tmp_path_factory.mktemp("run")
    write(directory, *appends)
    assert shapes(read(directory)) == shapes([event for events in appends for event in events])


# Who writes


def test_who_is_refused_is_told_who_writes(tmp_path):
    with writing(tmp_path), pytest.raises(StorageBusyError) as caught:
        JournalStorage(tmp_path).open()
    assert f"{tmp_path}/journal is written by process {os.getpid()} on {socket.gethostname()}" in str(caught.value)


def test_a_lock_that_nobody_holds_is_no_hindrance(tmp_path):
    (tmp_path / "lock").write_text("process 1 on a machine that is gone")
    write(tmp_path, [opened(0)])
    assert read(tmp_path) == [opened(0)]


@pytest.mark.parametrize("name", ["lock", "journal"])
def test_a_writer_whose_files_are_removed_acknowledges_nothing_any_more(tmp_path, name):
    with writing(tmp_path) as storage:
        storage.append([opened(0)])
        (tmp_path / name).unlink()
        with pytest.raises(StorageError, match="was removed while this process wrote"):
            storage.append([opened(2)])
    assert opened(2) not in read(tmp_path)


# What a crash leaves


def test_truncated_at_any_byte_of_its_last_record_it_loads_and_loses_that_record_at_most(path):
    content = path.read_bytes()
    last = content[:-1].rindex(b"\n") + 1
    kept = [opened(0), opened(1), WorkerJoined(1.0, "w")]
    for length in range(last, len(content)):
        path.write_bytes(content[:length])
        assert read(path.parent) == kept
        assert path.read_bytes() == content[:length]
        write(path.parent, [opened(7)])
        assert read(path.parent) == [*kept, opened(7)]


@pytest.mark.parametrize("garbage", [b"\0" * 5000, b"\n", b"\n\n\n", b"deadbeef {}\n", b"deadbeef {\n{", b"\xff\n\xff"])
def test_any_garbage_at_the_end_is_cut_off(path, garbage):
    before = read(path.parent)
    path.write_bytes(path.read_bytes() + garbage)
    assert read(path.parent) == before
    write(path.parent, [opened(7)])
    assert read(path.parent) == [*before, opened(7)]
    assert garbage not in path.read_bytes() or garbage == b"\n"


@pytest.mark.parametrize("change", [lambda byte: byte ^ 1, lambda byte: byte ^ 0xFF, lambda byte: ord("\n")])
def test_a_byte_that_was_changed_is_found_or_was_in_the_last_record(path, change):
    content = path.read_bytes()
    events = read(path.parent)
    lines = content.splitlines(keepends=True)
    last = len(content) - len(lines[-1])
    for place in range(len(lines[0]), len(content)):
        changed = content[:place] + bytes([change(content[place])]) + content[place + 1 :]
        if changed == content:
            continue
        path.write_bytes(changed)
        if place >= last:
            assert read(path.parent) == events[:-1]
            continue
        with pytest.raises(StorageError, match=r"damaged at byte \d+.*truncate -s") as caught:
            read(path.parent)
        with pytest.raises(StorageError, match="damaged"):
            JournalStorage(path.parent).open()
        assert path.read_bytes() == changed
        offset = int(str(caught.value).split("byte ")[1].split(",")[0])
        assert offset <= place
        assert content[offset - 1 : offset] == b"\n"


def test_a_damaged_journal_is_read_up_to_there_after_the_cut_that_the_message_advises(path):
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"w"', b'"v"'))
    with pytest.raises(StorageError) as caught:
        read(path.parent)
    subprocess.run(str(caught.value).rpartition("with: ")[2], shell=True, check=True)
    assert read(path.parent) == [opened(0)]


# What is no journal


HEADER = '{"format":"hpbandster_ng journal","version":1,"compacted":0}'


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "does not begin as a journal"),
        (b"a diary\n", "does not begin as a journal"),
        (framed(HEADER)[:-20], "does not begin as a journal"),
        (framed("[" * 100_000), "does not begin as a journal"),
        (framed('{"format":"other","version":1}'), "does not begin as a journal"),
        (framed(HEADER.replace('n":1', 'n":2')), "version 2, and this release reads 1"),
        (framed(HEADER.replace("0}", "null}")), "version 1, and"),
        (framed(HEADER) + framed('{"version":2,"events":[]}'), r"journal, byte 70, .*version 2, and this release"),
        (framed(HEADER) + framed("{}"), r"journal, byte 70, is no record of a run's log"),
        (framed(HEADER) + b"%08x \xff\n" % zlib.crc32(b"\xff"), r"journal, byte 70, is no record of a run's log"),
    ],
)
def test_what_is_no_journal_is_refused_and_left_alone(tmp_path, content, complaint):
    path = tmp_path / "journal"
    path.write_bytes(content)
    with pytest.raises(LogError, match=complaint):
        read(tmp_path)
    with contextlib.suppress(LogError):  # records are not read to be continued
        JournalStorage(tmp_path).open()
    assert path.read_bytes() == content


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.binary(max_size=60)
    | st.lists(st.binary(max_size=20) | st.just(framed('{"version":1,"events":[]}')), max_size=4).map(
        lambda parts: framed(HEADER) + b"".join(parts)
    )
    | st.lists(st.text(max_size=20), max_size=3).map(lambda texts: framed(HEADER) + b"".join(map(framed, texts)))
)
@example(framed(HEADER.replace("0}", "-1}")))
def test_any_bytes_are_read_and_opened_or_are_an_error_of_ours(tmp_path_factory, content):
    directory = tmp_path_factory.mktemp("run")
    (directory / "journal").write_bytes(content)
    storage = JournalStorage(directory)
    with contextlib.suppress(HpbandsterError):
        list(storage.read())
    with contextlib.suppress(HpbandsterError):
        storage.open()
        storage.append([opened(7)])
        assert list(storage.read())[-1:] == [opened(7)]
    storage.close()


# A disk that fails


@contextlib.contextmanager
def file_size_limit(size):
    """No file can grow beyond: the system takes what fits, then refuses."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_record_that_cannot_be_written_whole_is_taken_back_at_once(path):
    content = path.read_bytes()
    with writing(path.parent) as storage:
        with (
            file_size_limit(len(content) + 30),
            pytest.raises(StorageError, match=f"{path} cannot be written: File too"),
        ):
            storage.append([opened(3)])
        assert path.read_bytes() == content
        storage.append([opened(4)])
    assert read(path.parent)[-2:] == [opened(2), opened(4)]


def test_a_full_disk_is_one_clear_error_and_what_was_acknowledged_is_there(small_disk):
    with writing(small_disk / "run") as storage:
        number, message = fill(storage)
    assert f"{small_disk}/run/journal cannot be written: No space left on device; what was recorded before" in message
    assert [event for event in read(small_disk / "run") if isinstance(event, OpenIteration)] == [
        opened(each) for each in range(number)
    ]


def test_a_read_only_disk_can_be_read_and_not_be_opened(small_disk):
    write(small_disk, [opened(0)])
    with writing(small_disk / "other") as storage:
        pass
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert read(small_disk) == [opened(0)]
    for directory in (small_disk, small_disk / "other", small_disk / "new"):
        with pytest.raises(StorageError, match="cannot be written: Read-only file system"):
            JournalStorage(directory).open()
    assert list(storage.read()) == []


def test_a_disk_that_is_too_full_for_a_shorter_journal_keeps_the_long_one(small_disk, monkeypatch):
    monkeypatch.setattr(journal, "_COMPACT_FROM", 1000)
    with writing(small_disk) as storage:
        fill(storage)
    before = read(small_disk)
    with pytest.raises(StorageError, match="No space left"):
        storage.open()
    assert read(small_disk) == before
    assert sorted(each.name for each in small_disk.iterdir()) == ["journal", "lock"]


@pytest.mark.parametrize("is_parent", [True, False])
def test_a_directory_that_is_none_is_a_storage_error(tmp_path, is_parent):
    (tmp_path / "file").write_text("")
    storage = JournalStorage(tmp_path / "file" / "run" if is_parent else tmp_path / "file")
    with pytest.raises(StorageError, match=r"cannot be written: (Not a directory|File exists)"):
        storage.open()
    with pytest.raises(StorageError, match="cannot be read: Not a directory"):
        storage.read()


# Compaction


def story(n_jobs):
    """One worker, one job after the other."""
    yield RunDescribed(0.0, "run", {})
    yield WorkerJoined(0.0, "w")
    outcome = Outcome(OutcomeState.SUCCEEDED, {"loss": 0.5, "info": {"curve": [0.25] * 50}})
    for number in range(n_jobs):
        job = Job((0, 0, number), 9.0, {"x": 0.5}, {})
        yield QueueJob(1.0, job)
        yield StartJob(1.0, *job.key, 1, "w")
        yield JobFinished(2.0, *job.key, 1, "w", outcome)
        yield EndJob(2.0, JobReport(job, outcome, "w", 1.0, 1.0, 2.0))


def test_a_long_journal_is_made_shorter_when_it_is_opened_and_has_doubled(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "_COMPACT_FROM", 1 << 20)
    events = list(story(1000))
    path = write(tmp_path, events[:400])
    assert path.stat().st_size < 1 << 20
    assert read(write(tmp_path, events[400:]).parent) == events
    long = path.stat().st_size
    assert long > 1 << 20
    write(tmp_path, [opened(0)])
    shorter = [*compacted(events), opened(0)]
    assert read(tmp_path) == shorter
    short = path.stat().st_size
    assert short < long * 0.6
    write(tmp_path, events[-400:])
    write(tmp_path)
    assert read(tmp_path) == [*shorter, *events[-400:]], "it has not doubled"


def test_a_reader_that_began_before_goes_on_reading(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "_COMPACT_FROM", 1000)
    events = list(story(100))
    write(tmp_path, events)
    reader = JournalStorage(tmp_path).read()
    write(tmp_path)
    assert list(reader) == events
    assert read(tmp_path) == compacted(events)


def test_a_torn_tail_is_gone_after_compaction(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "_COMPACT_FROM", 1000)
    events = list(story(100))
    path = write(tmp_path, events[:-1], events[-1:])
    path.write_bytes(path.read_bytes()[:-5])
    write(tmp_path, events[-1:])
    assert read(tmp_path) == [*compacted(events[:-1]), events[-1]]


def test_killed_at_any_line_of_opening_it_leaves_one_whole_journal(tmp_path):
    answer = subprocess.run([sys.executable, KILLED, tmp_path], capture_output=True, text=True, check=True, timeout=120)
    n_killed, n_long, n_short = map(int, answer.stdout.split())
    assert n_killed == n_long + n_short
    assert n_long > 10
    assert n_short > 3


# Who follows it


def test_a_follower_of_a_journal_that_is_made_anew_or_removed_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "_COMPACT_FROM", 0)
    follower = JournalStorage(tmp_path)
    write(tmp_path, [opened(0)], [opened(1)])
    news = follower.read_on()
    before = news.bookmark
    with writing(tmp_path) as storage:  # which compacts it
        storage.append([opened(2)])
    news = follower.read_on(before)
    assert (list(news.events), news.is_anew) == ([opened(0), opened(1), opened(2)], True)
    (tmp_path / "journal").unlink()
    gone = follower.read_on(news.bookmark)
    assert (list(gone.events), gone.bookmark, gone.is_anew) == ([], None, True)
    write(tmp_path, [opened(3)], [opened(4)], [opened(5)], [opened(6)])
    news = follower.read_on(news.bookmark)  # the file system may have given the new file the number of the old one
    assert (list(news.events), news.is_anew) == ([opened(3), opened(4), opened(5), opened(6)], True)


def test_a_follower_passes_over_half_a_record_until_it_is_whole(tmp_path, path):
    follower = JournalStorage(tmp_path)
    bookmark = follower.read_on().bookmark
    line = framed('{"version":1,"events":[{"event":"OpenIteration","at":3.0,"iteration":3}]}')
    with path.open("ab") as file:
        file.write(line[:30])
        file.flush()
        news = follower.read_on(bookmark)
        assert (list(news.events), news.is_anew) == ([], False)
        file.write(line[30:])
        file.flush()
        assert list(follower.read_on(news.bookmark).events) == [opened(3)]


def test_a_follower_is_told_of_damage_by_its_place_in_the_file(tmp_path, path):
    follower = JournalStorage(tmp_path)
    bookmark, size = follower.read_on().bookmark, path.stat().st_size
    with path.open("ab") as file:
        file.write(b"rubbish\n" + framed('{"version":1,"events":[]}'))
    with pytest.raises(StorageError, match=f"damaged at byte {size}"):
        follower.read_on(bookmark)
