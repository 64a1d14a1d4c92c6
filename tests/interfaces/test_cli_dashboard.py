"""``hpbandster-ng dashboard``: what it refuses, in one line, and how it begins and ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys

import pytest
from click.testing import CliRunner

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("prometheus_client")

from hpbandster_ng.engine.events import OpenIteration
from hpbandster_ng.experiments import Experiment
from hpbandster_ng.interfaces.cli.main import main
from hpbandster_ng.optimizers import RandomSearch
from hpbandster_ng.storage.journal import JournalStorage
from hpbandster_ng.storage.sql import SQLStorage
from tests.interfaces.dashboard.logs import SPACE, job, life, success, write
from tests.interfaces.dashboard.serving import commanded


@pytest.fixture(autouse=True)
def _no_usual_storage(monkeypatch):
    monkeypatch.delenv("HPBANDSTER_STORAGE", raising=False)


def error_of(*arguments, code=1):
    answer = CliRunner().invoke(main, ["dashboard", "--port", "0", *map(str, arguments)])
    assert answer.exit_code == code, answer.output
    assert "Traceback" not in answer.output
    lines = answer.output.splitlines()
    assert code == 2 or len(lines) == 1
    return lines[-1].removeprefix("Error: ")


@pytest.fixture
def url(tmp_path):
    """Of a database with a run and an experiment."""
    url = f"sqlite:///{tmp_path}/runs.db"
    storage = SQLStorage(url, "first")
    storage.open()
    storage.append([OpenIteration(0.0, 0)])
    storage.close()
    Experiment.create(url, "classifier", SPACE, RandomSearch, min_budget=1, max_budget=1).close()
    return url


def test_the_place_must_be_told_and_only_once(tmp_path, url):
    assert error_of(code=2) == "give --storage URL, --directory DIR or --run-id NAME."
    assert "two places" in error_of("--storage", url, "--directory", tmp_path, code=2)
    assert "two things" in error_of("--storage", url, "--run-id", "a", "--experiment", "b", code=2)
    assert "--storage" in error_of("--experiment", "b", code=2)


def test_an_unknown_run_or_experiment(url, tmp_path, monkeypatch):
    assert error_of("--storage", url, "--run-id", "frist") == "there is no run 'frist' here; did you mean 'first'?"
    assert "did you mean 'classifier'?" in error_of("--storage", url, "--experiment", "clasifier")
    monkeypatch.chdir(tmp_path)
    assert "there is no run 'x' here" in error_of("--run-id", "x")
    monkeypatch.setenv("HPBANDSTER_STORAGE", url)
    assert "did you mean 'first'?" in error_of("--run-id", "frist")


def test_a_folder_without_logs(tmp_path):
    assert error_of("--directory", tmp_path).startswith(f"there is no run in {tmp_path}: neither a journal, nor ")
    assert "No such file or directory" in error_of("--directory", tmp_path / "none")


def test_a_database_that_is_none(tmp_path):
    (tmp_path / "text.db").write_text("not a database, " * 100)
    assert "cannot be read" in error_of("--storage", f"sqlite:///{tmp_path}/text.db")
    assert error_of("--storage", "http://x").startswith("storage='http:...' must be the url of a database; ")


def test_a_run_of_a_newer_version(tmp_path):
    write(tmp_path / "run", life(job(), success(0.5)))
    journal = tmp_path / "run" / "journal"
    storage = JournalStorage(tmp_path / "newer")
    storage.open()
    storage.close()
    from hpbandster_ng.storage.journal import _framed

    record = json.dumps({"version": 99, "events": []})
    journal.write_bytes(journal.read_bytes() + _framed(record))
    assert "its format has version 99, and this release reads 1" in error_of("--directory", tmp_path / "run")


def test_a_damaged_log(tmp_path):
    write(tmp_path / "run", life(job(), success(0.5)))
    journal = tmp_path / "run" / "journal"
    content = journal.read_bytes()
    journal.write_bytes(content + b"rubbish\n" + content.splitlines(keepends=True)[-1])
    assert f"{journal} is damaged at byte {len(content)}" in error_of("--directory", tmp_path / "run")


def test_half_a_folder(tmp_path):
    (tmp_path / "configs.json").write_text("")
    assert "must contain configs.json and results.json" in error_of("--directory", tmp_path)


def test_a_taken_port_is_told_with_the_next_one(tmp_path):
    write(tmp_path / "run", life(job(), success(0.5)))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = error_of("--directory", tmp_path / "run", "--port", port)
    assert told.startswith(f"port={port} is taken by another program; use --port ")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_it_ends_by_a_signal(tmp_path, number, code):
    write(tmp_path / "run", life(job(), success(0.5)))
    with commanded("--storage", f"journal:{tmp_path / 'run'}") as (process, address):
        assert address.port > 0
        process.send_signal(number)
        rest = process.stdout.read()
        assert process.wait(30) == code
        assert rest.strip() == ""


@pytest.mark.parametrize("package", ["prometheus_client", "starlette", "uvicorn"])
def test_what_is_missing_is_the_extra_of_the_dashboard(tmp_path, package):
    code = f"import sys; sys.modules[{package!r}] = None; from hpbandster_ng.__main__ import main; main()"
    (tmp_path / "results.pkl").write_bytes(b"")
    command = [sys.executable, "-c", code, "dashboard", "--directory", str(tmp_path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 1
    way_out = "install it with: pip install 'hpbandster_ng[dashboard]'"
    assert answer.stderr == f"Error: The dashboard needs {package}; {way_out}\n"
