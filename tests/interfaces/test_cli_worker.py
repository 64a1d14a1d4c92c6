"""What the command line refuses before it starts anything."""

from __future__ import annotations

import sys

import pytest
from click.testing import CliRunner

import hpbandster_ng
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.interfaces.cli import worker as command
from hpbandster_ng.interfaces.cli.main import main

WORKERS = """
from hpbandster_ng.core.worker import Worker
class Mine(Worker):
    pass
no_class = 3
"""
HERE = ["workers_of_a_test:Mine", "--run-id", "r"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current directory; what an import changes is undone."""
    (tmp_path / "workers_of_a_test.py").write_text(WORKERS)
    (tmp_path / "needs_more.py").write_text("import there_is_no_such_module")
    (tmp_path / "broken.py").write_text("1 +")
    (tmp_path / "json.py").write_text(WORKERS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    sys.modules.pop("workers_of_a_test", None)


@pytest.fixture(autouse=True)
def started(monkeypatch):
    """What would have been started: nothing, in each of these tests."""
    started = []
    monkeypatch.setattr(Worker, "run", lambda self: started.append(self))
    monkeypatch.setattr(command, "run_together", started.append)
    yield started
    assert started == []


def call(*arguments):
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["workers_of_a_test:Mine"], "give either --run-id, for a run, or --storage, "),
        ([*HERE, "--storage", "sqlite:///e.db"], "give either --run-id, for a run, or --storage, "),
        ([*HERE, "--experiment", "e"], "--experiment is not for a run; leave it out."),
        ([*HERE, "--max-idle", "3"], "--max-idle is not for a run; leave it out."),
        (["workers_of_a_test:Mine", "--storage", "s", "--port", "1"], "--port is not for experiments; leave it out."),
        (["--run-id", "r"], "Missing argument 'MODULE:CLASS'."),
        (["Mine", "--run-id", "r"], "'Mine' has no class or no module; write module:Class or path/to/file.py:Class."),
        ([":Mine", "--run-id", "r"], "':Mine' has no class or no module; "),
        (["missing:Mine", "--run-id", "r"], "MODULE:CLASS: there is no module 'missing', neither in "),
        (["missing.more:Mine", "--run-id", "r"], "there is no module 'missing', neither in "),
        (["missing/file.py:Mine", "--run-id", "r"], "there is no file missing/file.py."),
        (["json.py:Mine", "--run-id", "r"], "because 'json' is another module already; rename the file."),
        (
            ["workers_of_a_test:Yours", "--run-id", "r"],
            "workers_of_a_test has no 'Yours'; its workers are Mine.",
        ),
        (
            ["workers_of_a_test.py:no_class", "--run-id", "r"],
            "workers_of_a_test.py has a 'no_class' that is no subclass of Worker; its workers are Mine.",
        ),
        (["json:JSONDecoder", "--run-id", "r"], "is no subclass of Worker; it defines no worker."),
        ([*HERE, "--devices", "cuda:0,,cuda:1"], "--devices: 'cuda:0,,cuda:1' has an empty entry; write cuda:0,cuda:1"),
        ([*HERE, "--devices", ""], "--devices: '' has an empty entry"),
        ([*HERE, "--workers", "0"], "'--workers': 0 is not in the range x>=1."),
        ([*HERE, "--timeout", "0"], "'--timeout': 0.0 is not in the range x>0."),
        ([*HERE, "--port", "70000"], "'--port': 70000 is not in the range 1<=x<=65535."),
        ([*HERE, "--shared-directory", "missing"], "Directory 'missing' does not exist."),
        ([*HERE, "--shared-directory", ".", "--nameserver", "h"], "leave out --nameserver and --port."),
        ([*HERE, "--shared-directory", ".", "--port", "1"], "leave out --nameserver and --port."),
        ([*HERE, "--workers", "2", "--id", "7"], "--id names one worker, and these are 2; leave it out, or give "),
        ([*HERE, "--devices", "cuda:0,cuda:1", "--id", "7"], "--id names one worker, and these are 2; "),
    ],
)
def test_wrong_usage_is_one_error(arguments, message):
    answer = call("worker", *arguments)
    assert answer.exit_code == 2, answer.output
    *_, error = answer.output.splitlines()
    assert error.startswith("Error: ")
    assert message in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["needs_more:Mine", "--run-id", "r"], "(ModuleNotFoundError: No module named 'there_is_no_such_module'); "),
        (["broken.py:Mine", "--run-id", "r"], "MODULE:CLASS='broken.py:Mine' cannot be imported (SyntaxError: "),
        (["workers_of_a_test:Mine", "--run-id", "a/b"], "run_id='a/b' must "),
        (["workers_of_a_test:Mine", "--storage", "s"], "storage='s' must be the url of a database; "),
        (["missing:Mine", "--storage", "sqlite:///e.db", "--experiment", "e"], "there is no experiment 'e' here; "),
        ([*HERE, "--timeout", "nan"], "timeout=nan must be greater than 0"),
        ([*HERE, "--devices", "cuda:0,cuda:1", "--workers", "1"], "id=None must be a whole number where there are 2 "),
        ([*HERE, "--max-message-bytes", "1", "--workers", "2"], "max_message_bytes=1 must be a whole number from "),
    ],
)
def test_an_error_is_one_line(arguments, message):
    answer = call("worker", *arguments)
    assert answer.exit_code == 1
    (line,) = answer.output.splitlines()
    assert line.startswith("Error: ")
    assert message in line


def test_the_version_and_the_exit_codes_are_told():
    assert call("--version").output == f"hpbandster-ng, version {hpbandster_ng.__version__}\n"
    text = call("--help").output
    for code in ("0    done", "1    an error", "2    wrong usage", "130  ended by Ctrl-C"):
        assert f"    {code}" in text


def test_a_run_is_worked_for_though_the_environment_has_a_database(monkeypatch):
    monkeypatch.setenv("HPBANDSTER_STORAGE", "sqlite:///e.db")
    answer = call("worker", "workers_of_a_test:Mine", "--run-id", "a/b")
    assert "run_id='a/b' must " in answer.output
