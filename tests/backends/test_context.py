"""What travels with a call is entered around it, and is no fault of it."""

from __future__ import annotations

import importlib
import logging
import sys
import uuid

import pytest

from hpbandster_ng.backends.context import GROUP, entered
from hpbandster_ng.backends.evaluation import Call, evaluate
from hpbandster_ng.engine.records import OutcomeState

TOOL = """
from hpbandster_ng.errors import MissingExtraError

calls = []

class Tool:
    def __init__(self, settings):
        self.settings = settings
        calls.append(("made", settings))
        if settings.get("fails") == "init":
            raise OSError("no disk")
        if settings.get("fails") == "import":
            raise MissingExtraError("Tool", "tool", "tool")

    def __enter__(self):
        calls.append("entered")
        if self.settings.get("fails") == "enter":
            raise OSError("no server")

    def __exit__(self, *told):
        calls.append(("left", told))
        if self.settings.get("fails") == "exit":
            raise OSError("no goodbye")
"""


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """A package that is installed and offers a context; the module and the name of its entry point."""
    name = f"tool_{uuid.uuid4().hex}"
    (tmp_path / f"{name}.py").write_text(TOOL)
    metadata = tmp_path / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {name}:Tool\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield importlib.import_module(name)
    del sys.modules[name]


def outcome_of(compute, context):
    return evaluate(compute, Call((0, 0, 0), {}, 9.0, ".", context=context))


def test_it_is_entered_before_compute_and_left_after_it(tool):
    outcome = outcome_of(lambda **_: tool.calls.append("computed") or {"loss": 1}, {tool.__name__: {"a": "b"}})
    assert outcome.state is OutcomeState.SUCCEEDED
    assert tool.calls == [("made", {"a": "b"}), "entered", "computed", ("left", (None, None, None))]


def test_it_is_left_if_compute_raises(tool):
    def compute(**_):
        raise ValueError("as it was told to")

    outcome = outcome_of(compute, {tool.__name__: {}})
    assert "ValueError: as it was told to" in outcome.error
    assert tool.calls == [("made", {}), "entered", ("left", (None, None, None))]


@pytest.mark.parametrize(
    ("fails", "told"),
    [("init", "OSError: no disk"), ("enter", "OSError: no server"), ("exit", "OSError: no goodbye"), ("import", None)],
)
def test_what_goes_wrong_with_it_is_told_once_and_no_fault_of_the_evaluation(tool, fails, told, caplog):
    with caplog.at_level(logging.WARNING, "hpbandster_ng"):
        for _ in range(3):
            outcome = outcome_of(lambda **_: {"loss": 1}, {tool.__name__: {"fails": fails}})
            assert outcome.state is OutcomeState.SUCCEEDED
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == (told is not None)
    assert all(tool.__name__ in message and told in message for message in messages)


def test_a_tool_that_is_not_installed_here_is_told_once(caplog):
    name = uuid.uuid4().hex
    with caplog.at_level(logging.WARNING, "hpbandster_ng"):
        for _ in range(2):
            with entered({name: {}}):
                pass
    (message,) = [record.getMessage() for record in caplog.records]
    assert f"context='{name}' is no entry point of the group {GROUP} here; install" in message


def test_nothing_but_entry_points_is_called():
    assert outcome_of(lambda **_: {"loss": 1}, {"os:system": {"command": "true"}}).state is OutcomeState.SUCCEEDED
