"""What is asked of a scheduler: one file for each, and the table of them in ``schedulers.py``."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

__all__ = ["WARNING_SECONDS", "Answer", "Scheduler", "Standing", "Task", "ask"]

WARNING_SECONDS = 120
"""So long before its time is up a task is told."""

_LIMIT = 60.0
"""Seconds that a scheduler may take to answer."""


@dataclass(frozen=True)
class Task:
    """What a scheduler tells one of its tasks.

    Attributes:
        name: as the scheduler's commands call it.
        job: the id of its job, which all tasks of an array have in common.
        first: the name of the array's first task; None for a job that is no array.
        directory: from where the job was submitted.
    """

    name: str
    job: str
    first: str | None
    directory: Path


class Standing(str, Enum):
    """Where a task stands with its scheduler."""

    QUEUED = "runs, or will, or nobody knows"
    CROWDED_OUT = "waits, for nothing but a place"
    GONE = "has left the queue"


class Scheduler(Protocol):
    """A scheduler, as a task of its jobs and who submits them see it.

    Attributes:
        name: by which users call it.
        program: what submits a job that it reads from its standard input.
        mark: what the lines of a job script begin with that are meant for the scheduler.
    """

    name: str
    program: tuple[str, ...]
    mark: str

    def task(self, environment: Mapping[str, str]) -> Task | None:
        """Which task this process is; None if it is none."""

    def standing(self, task: str) -> Standing:
        """Whether a task runs, or will."""

    def warned_after(self, task: str) -> float | None:
        """Seconds after its start when the time of the task that asks is nearly up; None if it has no limit, or gets a
        signal then.
        """

    def requeue(self, task: str) -> int | None:
        """Ask for another start of the task that asks.

        Returns:
            With which exit code it has to end now; None if the scheduler refuses.
        """

    def directives(self, num_tasks: int, time_limit: int | None) -> list[str]:
        """Options for an array of so many tasks, each of which may take so many seconds."""

    def submitted(self, output: str) -> str:
        """The id of the job, of what :attr:`program` has printed."""


@dataclass(frozen=True)
class Answer:
    """What a command came to.

    Attributes:
        is_good: whether it ended with exit code 0.
        output: what it printed.
        complaint: what it printed to the standard error stream.
    """

    is_good: bool
    output: str
    complaint: str


def ask(command: Sequence[str], text: str = "") -> Answer:
    """Run a command of the scheduler; one that is missing or does not answer has failed.

    What users have set for their own queries (``SQUEUE_STATES``, for example, which hides tasks) is left out.

    Args:
        text: for its standard input.

    Example:
        >>> ask(["cat"], "hello").output
        'hello'
        >>> ask(["there_is_no_such_command"])
        Answer(is_good=False, output='', complaint='there is no there_is_no_such_command on the PATH')
    """
    if shutil.which(command[0]) is None:
        return Answer(False, "", f"there is no {command[0]} on the PATH")
    try:
        done = subprocess.run(
            command,
            env={name: value for name, value in os.environ.items() if not name.startswith("SQUEUE_")},
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",  # names of files may hold bytes that are no text
            timeout=_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(False, "", f"{command[0]} did not answer within {_LIMIT:g} seconds")
    return Answer(done.returncode == 0, done.stdout, done.stderr)
