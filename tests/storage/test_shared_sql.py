"""Shared logs in SQLite and PostgreSQL: the contract."""

from __future__ import annotations

import functools

import pytest

from hpbandster_ng.storage.sql import SQLSharedLogs
from hpbandster_ng.testing.shared_logs import SharedLogsContract


class TestSQLite(SharedLogsContract):
    def factory(self, directory):
        return functools.partial(SQLSharedLogs, f"sqlite:///{directory}/runs.db")


class TestPostgreSQL(SharedLogsContract):
    @pytest.fixture(autouse=True)
    def _database(self, database):
        self.url = database

    def factory(self, directory):
        return functools.partial(SQLSharedLogs, self.url)
