"""Logs that many processes share in MongoDB, on a real server."""

from __future__ import annotations

import functools

import pytest

from hpbandster_ng.storage.mongo import MongoSharedLogs
from hpbandster_ng.testing.shared_logs import SharedLogsContract


class TestMongoDB(SharedLogsContract):
    @pytest.fixture(autouse=True)
    def _server(self, mongod):
        self.host = mongod.host

    def factory(self, directory):
        return functools.partial(MongoSharedLogs, f"mongodb://{self.host}/db_{abs(hash(str(directory)))}")
