"""Databases of older and newer releases: the old are migrated when they are written to, the new are refused."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from hpbandster_ng.engine.events import OpenIteration, WorkerJoined
from hpbandster_ng.errors import LogError
from hpbandster_ng.storage.sql import SQLSharedLogs, SQLStorage
from hpbandster_ng.storage.sql.database import VERSION
from tests.storage.postgres import execute

OLD = Path(__file__).parents[1] / "data" / "sql" / "version_1.sql"
OLD_EVENTS = [OpenIteration(0.0, 0), WorkerJoined(0.5, "w"), OpenIteration(1.0, 1)]


@pytest.fixture
def old_url(url):
    for statement in OLD.read_text(encoding="utf-8").replace(":", r"\:").split(";\n"):
        if statement.strip():
            execute(url, statement)
    if url.startswith("sqlite"):
        execute(url, "PRAGMA journal_mode = WAL")
    return url


def version_of(url):
    return execute(url, "SELECT version FROM hpbandster_schema")


def tables_of(url):
    """What there is to tell of all tables."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool)
    tables = sa.MetaData()
    tables.reflect(engine)
    return {
        table.name: (
            [(column.name, str(column.type), column.nullable, column.primary_key) for column in table.columns],
            sorted((key.parent.name, key.target_fullname) for key in table.foreign_keys),
            sorted(index.name for index in table.indexes),
        )
        for table in tables.sorted_tables
    }


def content_of(url):
    return {name: sorted(map(repr, execute(url, f"SELECT * FROM {name}"))) for name in tables_of(url)}


def test_an_old_database_is_read_as_it_is(old_url):
    before = tables_of(old_url)
    assert list(SQLStorage(old_url, "run").read()) == OLD_EVENTS
    logs = SQLSharedLogs(old_url)
    assert (logs.names(), logs.read("run"), logs.renew("run", {"w": 1.0}), logs.delete("run")) == ([], [], set(), False)
    with pytest.raises(LogError, match="no shared log 'run'"), logs.turn("run", 0):
        pass
    assert tables_of(old_url) == before


def test_an_old_database_is_migrated_when_its_run_goes_on(old_url):
    storage = SQLStorage(old_url, "run")
    storage.open()
    storage.append([OpenIteration(2.0, 2)])
    storage.close()
    assert version_of(old_url) == [(VERSION,)]
    assert list(SQLStorage(old_url, "run").read()) == [*OLD_EVENTS, OpenIteration(2.0, 2)]


def test_an_old_database_is_migrated_when_a_shared_log_is_created_in_it(old_url):
    with closing(SQLSharedLogs(old_url)) as logs:
        with pytest.raises(LogError, match=r"'run' in .* is the log of a run, which one process writes; use another"):
            logs.create("run", [OpenIteration(0.0, 0)])
        assert logs.create("a", [OpenIteration(0.0, 0)])
    assert version_of(old_url) == [(VERSION,)]
    assert list(SQLStorage(old_url, "run").read()) == OLD_EVENTS


def test_a_migrated_database_is_as_a_new_one(old_url, tmp_path):
    if old_url.startswith("sqlite"):
        new_url = f"sqlite:///{tmp_path}/new.db"
    else:
        new_url = f"{old_url}_new"
        execute(old_url, f"CREATE DATABASE {new_url.rpartition('/')[2]}")
    for each in (old_url, new_url):
        with closing(SQLSharedLogs(each)) as logs:
            logs.create("a", [OpenIteration(0.0, 0)])
    assert tables_of(old_url) == tables_of(new_url)


def open_when_all_do(url, number, barrier):
    """Of another process."""
    barrier.wait()
    if number % 2:
        storage = SQLStorage(url, f"run {number}")
        storage.open()
        storage.close()
    else:
        logs = SQLSharedLogs(url)
        assert logs.create(f"log {number}", [OpenIteration(0.0, 0)])
        logs.close()


def test_many_processes_that_open_an_old_database_at_the_same_moment_all_succeed(old_url):
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(4)
    processes = [context.Process(target=open_when_all_do, args=(old_url, number, barrier)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert version_of(old_url) == [(VERSION,)]
    with closing(SQLSharedLogs(old_url)) as logs:
        assert logs.names() == ["log 0", "log 2"]
    assert list(SQLStorage(old_url, "run").read()) == OLD_EVENTS


def test_a_database_of_a_later_release_is_refused_and_not_touched(url):
    logs = SQLSharedLogs(url)
    logs.create("a", [OpenIteration(0.0, 0)])
    logs.close()
    execute(url, f"UPDATE hpbandster_schema SET version = {VERSION + 1}")
    before = content_of(url)
    storage = SQLStorage(url, "run")
    calls = [
        storage.open,
        storage.read,
        logs.names,
        lambda: logs.create("b", [OpenIteration(0.0, 0)]),
        lambda: logs.read("a"),
        lambda: logs.renew("a", {"w": 1.0}),
        lambda: logs.delete("a"),
        lambda: logs.turn("a", 0).__enter__(),
    ]
    for call in calls:
        with pytest.raises(
            LogError, match=rf"has tables of version {VERSION + 1}, .* up to {VERSION}; use the release"
        ):
            call()
    assert content_of(url) == before


def test_a_database_of_this_release_is_made_and_opened_without_alembic(url):
    code = f"""
import sys
from hpbandster_ng.engine.events import OpenIteration
from hpbandster_ng.storage.sql import SQLSharedLogs, SQLStorage
for name in "ab":
    logs = SQLSharedLogs({url!r})
    assert logs.create(name, [OpenIteration(0.0, 0)])
    logs.close()
storage = SQLStorage({url!r}, "run")
storage.open()
storage.close()
sys.exit("alembic" in sys.modules)
"""
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False, timeout=60).returncode == 0
