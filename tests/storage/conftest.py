from __future__ import annotations

import functools
import subprocess

import pytest

from tests.storage.mongod import VARIABLE, Mongod, find_mongod
from tests.storage.postgres import Postgres, execute, find_binaries


@pytest.fixture(scope="session")
def postgres():
    """A running server; each test uses runs of its own."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (pip install 'psycopg[binary]')")
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    server = Postgres(binaries)
    server.start()
    yield server
    server.stop()
    server.remove()


@pytest.fixture(scope="session")
def make_mongod():
    """Runs a server, with options, as long as a block."""
    program = find_mongod()
    if program is None:
        pytest.skip(f"there is no MongoDB server: {VARIABLE} names none, and mongod is not on the PATH")
    return functools.partial(Mongod, program)


@pytest.fixture(scope="session")
def mongod(make_mongod):
    """A running server; each test uses databases of its own."""
    with make_mongod() as server:
        yield server


@pytest.fixture(scope="session")
def mongod_replica_set(make_mongod):
    with make_mongod("--replSet", "set") as server:
        server.become_replica_set()
        yield server


@pytest.fixture
def database(postgres, tmp_path):
    """The url of a database of PostgreSQL that is empty."""
    name = f"db_{abs(hash(str(tmp_path)))}"
    execute(postgres.url, f"CREATE DATABASE {name}")
    return postgres.url.replace("/postgres", f"/{name}")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """Of a database that no log is kept in yet."""
    return f"sqlite:///{tmp_path}/runs.db" if request.param == "sqlite" else request.getfixturevalue("database")


@pytest.fixture
def small_disk(tmp_path):
    """A directory on a disk of 512 kB."""
    directory = tmp_path / "disk"
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(directory)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)  # even if a test that failed has files open
