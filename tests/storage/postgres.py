"""A PostgreSQL server of one's own, in a directory of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import sqlalchemy as sa

USER = "postgres"
"""Who runs the server where the tests run as root, which the server refuses to."""


def find_binaries():
    """The directory of PostgreSQL's programs, or None; Debian keeps them off the PATH."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).parent] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return found[-1] if found else None


class Postgres:
    """A server on a free port of the loopback interface; its data outlive a stop.

    Args:
        options: of the server. By default it does not wait for its disk, since the machine itself does not crash.

    Attributes:
        url: of an empty database, for the user who owns everything.
    """

    def __init__(self, binaries, options="-c fsync=off"):
        self.binaries = binaries
        self.options = options
        self.directory = Path(tempfile.mkdtemp(prefix="hpbandster_postgres_"))  # pytest's own are closed to other users
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"postgresql://hpb@127.0.0.1:{self.port}/postgres"
        if os.geteuid() == 0:
            shutil.chown(self.directory, USER)
        self._run("initdb", "-D", self.directory / "data", "-U", "hpb", "-A", "trust", "-E", "UTF8", "--no-sync")

    def start(self):
        options = f"-p {self.port} -h 127.0.0.1 -k {self.directory} {self.options}"
        self._run("pg_ctl", "-D", self.directory / "data", "-w", "-l", self.directory / "log", "-o", options, "start")

    def stop(self):
        """As a crash would, but for the files."""
        self._run("pg_ctl", "-D", self.directory / "data", "-w", "-m", "immediate", "stop")

    def remove(self):
        shutil.rmtree(self.directory)

    def _run(self, program, *arguments):
        other = {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}
        command = [self.binaries / program, *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=self.directory, timeout=60, **other)


def execute(url, statement):
    """By a connection beside those that are tested, to SQLite, too."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        answer = connection.execute(sa.text(statement))
        return answer.all() if answer.returns_rows else []
