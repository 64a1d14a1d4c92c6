"""Writes ``version_N.sql``: a run in a database of the release that runs this, as SQL for SQLite and PostgreSQL.

It was run once by the last release whose tables had version 1, and is for the next version to be kept likewise:
``python tests/data/sql/make_dump.py 1``.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from hpbandster_ng.engine.events import OpenIteration, WorkerJoined
from hpbandster_ng.storage.sql import SQLStorage


def main(version: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.db"
        storage = SQLStorage(f"sqlite:///{path}", "run")
        storage.open()
        storage.append([OpenIteration(0.0, 0), WorkerJoined(0.5, "w")])
        storage.append([OpenIteration(1.0, 1)])
        storage.close()
        with closing(sqlite3.connect(path)) as connection:
            lines = [line for line in connection.iterdump() if not line.startswith(("BEGIN", "COMMIT"))]
    lines.sort(key=lambda line: ("CREATE TABLE hpbandster_runs" not in line, "INSERT" in line, "_records" in line))
    Path(__file__).with_name(f"version_{version}.sql").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
