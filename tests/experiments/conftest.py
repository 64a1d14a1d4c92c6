"""The databases that experiments may live in."""

from __future__ import annotations

import pytest

from tests.storage.conftest import make_mongod, mongod, postgres
from tests.storage.postgres import execute

__all__ = ["make_mongod", "mongod", "postgres"]


@pytest.fixture(scope="session", params=["sqlite", "postgresql", "mongodb"])
def server(request):
    """Started before any test looks at which processes there are; None for SQLite."""
    names = {"postgresql": "postgres", "mongodb": "mongod"}
    return request.param, request.getfixturevalue(names[request.param]) if request.param in names else None


@pytest.fixture
def url(server, tmp_path):
    """Of a database that is empty."""
    kind, running = server
    name = f"db_{abs(hash(str(tmp_path)))}"
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/experiments.db"
    if kind == "mongodb":
        return f"mongodb://{running.host}/{name}"
    execute(running.url, f"CREATE DATABASE {name}")
    return running.url.replace("/postgres", f"/{name}")
