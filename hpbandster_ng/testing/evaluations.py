"""What the contract of backends lets workers evaluate; other processes import it.

Configurations say what is done, and files in the directory of the run tell both sides how far it has come.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpbandster_ng.engine.records import Config, ConfigId

__all__ = ["Acts", "Noted", "begun", "let_go_on"]

_BEGUN = ".begun-"
_GO_ON = "go on"

_noted = threading.local()

_LIMIT = 120.0
"""Seconds after which nobody comes any more who lets an evaluation go on."""


class Acts:
    """A worker whose ``compute`` does what ``config["act"]`` says: ``"succeed"``, or a row of the table below.

    As it stands, it is a ``worker_class``; ``class MyWorker(Acts, Worker)`` is a worker over Pyro4.

    ===============================================  ==================================================================
    ``"raise"``, ``"exit"``                          raises, also what would end the process
    ``"return None"``, ``"return NaN"``              returns what is no result
    ``"return an object"``                           returns what cannot be sent
    ``"wait"``                                       is :func:`begun`, and succeeds after :func:`let_go_on`
    ``"hang"``                                       is :func:`begun`, and never ends
    ``"die"``                                        takes its process along
    ===============================================  ==================================================================

    A success has the loss ``config["x"]``; its info holds ``arguments``, those of ``compute``; ``has_directory``,
    whether the working directory was there; ``pid``, of the process; ``built``, which no two objects share; and
    ``context``, the settings that have travelled for :class:`Noted`, or None.

    Example:
        >>> Acts().compute((0, 0, 0), {"x": 0.5}, 9.0, ".", None)["loss"]
        0.5
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.built = uuid.uuid4().hex

    def compute(
        self, config_id: ConfigId, config: Config, budget: float, working_directory: str, previous_budget: float | None
    ) -> Any:
        """Act."""
        match config.get("act", "succeed"):
            case "raise":
                raise ValueError("as it was told to")
            case "exit":
                raise SystemExit("as it was told to")
            case "return None":
                return None
            case "return NaN":
                return {"loss": float("nan"), "info": {}}
            case "return an object":
                return {"loss": 0.0, "info": {"model": object()}}
            case "wait":
                _begin(working_directory)
                _wait_for(Path(working_directory).parent / _GO_ON)
            case "hang":
                _begin(working_directory)
                while True:
                    time.sleep(0.01)
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
        arguments = {
            "config_id": config_id,
            "config": config,
            "budget": budget,
            "working_directory": working_directory,
            "previous_budget": previous_budget,
        }
        has_directory = Path(working_directory).is_dir()
        info = {"arguments": arguments, "has_directory": has_directory, "pid": os.getpid(), "built": self.built}
        info["context"] = getattr(_noted, "settings", None)
        return {"loss": config["x"], "info": info}


class Noted:
    """What is entered around an evaluation that has a context for ``"testing"``."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.settings = settings

    def __enter__(self) -> None:
        _noted.settings = dict(self.settings)

    def __exit__(self, *_: object) -> None:
        del _noted.settings


def begun(directory: Path) -> list[int]:
    """The processes in which evaluations have begun to wait or to hang, one entry for each evaluation, in their order.

    Args:
        directory: of the run.
    """
    return [int(path.name.rpartition("-")[2]) for path in sorted(directory.glob(f"{_BEGUN}*"))]


def let_go_on(directory: Path) -> None:
    """From now on, no evaluation of the run in this directory waits."""
    (directory / _GO_ON).touch()


def _begin(working_directory: str) -> None:
    directory = Path(working_directory).parent
    (directory / f"{_BEGUN}{time.time_ns()}-{uuid.uuid4().hex}-{os.getpid()}").touch()


def _wait_for(path: Path) -> None:
    give_up = time.monotonic() + _LIMIT
    while not path.exists():
        if time.monotonic() > give_up:
            raise TimeoutError(f"nobody made {path}")
        time.sleep(0.01)
