"""The databases that the tests of storage start."""

from __future__ import annotations

import pytest

from tests.storage.conftest import database, make_mongod, mongod, postgres

__all__ = ["database", "make_mongod", "mongod", "postgres"]


@pytest.fixture(params=["sqlite", "postgresql", "mongodb"])
def url(request, tmp_path):
    """Of a database that is empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/experiments.db"
    if request.param == "postgresql":
        return request.getfixturevalue("database")
    return f"mongodb://{request.getfixturevalue('mongod').host}/db_{abs(hash(str(tmp_path)))}"
