from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hpbandster_ng.errors import InvalidArgumentError, MissingExtraError
from hpbandster_ng.storage.journal import JournalStorage
from hpbandster_ng.storage.memory import MemoryStorage
from hpbandster_ng.storage.sql import SQLStorage
from hpbandster_ng.storage.urls import storage_of


def test_a_storage_is_what_it_is(tmp_path):
    for storage in (MemoryStorage(), JournalStorage(tmp_path), SQLStorage(f"sqlite:///{tmp_path}/runs.db", "run")):
        assert storage_of(storage, "run") is storage


@pytest.mark.parametrize("text", ["run", "run/", "a b/c:d", "/tmp/run"])
def test_a_journal_is_named_by_its_directory(text):
    storage = storage_of(f"journal:{text}", "run")
    assert type(storage) is JournalStorage
    assert storage.directory == Path(text).absolute()


def test_a_run_in_a_database_is_named_by_its_run_id(tmp_path):
    storage = storage_of(f"sqlite:///{tmp_path}/runs.db", "first")
    assert type(storage) is SQLStorage
    assert storage.run_id == "first"


def test_a_server_needs_its_driver():
    pytest.importorskip("psycopg")
    storage = storage_of("postgresql://user@127.0.0.1/runs", "first")
    assert storage.url.drivername == "postgresql+psycopg"


@pytest.mark.parametrize("scheme", ["mongodb", "mongodb+srv"])
def test_a_run_in_mongodb_is_named_by_its_run_id(scheme):
    mongo = pytest.importorskip("hpbandster_ng.storage.mongo")
    storage = storage_of(f"{scheme}://user:sesame@h.example.com/runs", "first")
    assert type(storage) is mongo.MongoStorage
    assert repr(storage) == f"run 'first' in {scheme}://user:***@h.example.com/runs"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "run.log",
        "journal",
        "journal:",
        "file:run",
        "sqlite",
        "mongodb",
        "mysql://u:sesame@h/runs",
        "postgres://u:sesame@h/r",
    ]
    + [7, None, MemoryStorage, Path("run"), ["journal:run"]],
)
def test_anything_else_is_refused(value):
    with pytest.raises(InvalidArgumentError, match=r"^storage=.* must be a Storage, or the url of one; use") as caught:
        storage_of(value, "run")
    assert "sesame" not in str(caught.value)


def test_a_driver_that_is_missing_is_told_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"hpbandster_ng\[postgres\]"):
        storage_of("postgresql://user@127.0.0.1/runs", "first")


def test_mongodb_without_its_driver_is_told_with_its_extra(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("hpbandster_ng.storage.mongo")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pymongo", None)
    with pytest.raises(MissingExtraError, match=r"hpbandster_ng\[mongo\]"):
        storage_of("mongodb://127.0.0.1/runs", "first")
