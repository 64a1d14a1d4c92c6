"""The Sun Grid Engine, and those that came of it."""

from __future__ import annotations

import getpass
import re
from collections.abc import Mapping
from pathlib import Path

from hpbandster_ng.interfaces.cluster.scheduler import WARNING_SECONDS, Standing, Task, ask

__all__ = ["SGE"]

_AGAIN = 99
"""The exit code by which a job asks to be started again."""

_NONE = "undefined"
"""In place of a number, where a job is no array."""


_WAITING = ("qw", "Rq")
"""States of a task that could start: for the first time, and again."""


class SGE:
    """The Sun Grid Engine, by its environment variables and commands.

    Example:
        >>> environment = {"JOB_ID": "4711", "SGE_TASK_ID": "3", "SGE_TASK_FIRST": "1", "SGE_O_WORKDIR": "/home/me"}
        >>> SGE().task(environment).name, SGE().task(environment).first
        ('4711.3', '4711.1')
        >>> SGE().directives(9, 4 * 3600)
        ['-t 1-9', '-l h_rt=14400']
    """

    name = "sge"
    program: tuple[str, ...] = ("qsub", "-terse")
    mark = "#$"

    def task(self, environment: Mapping[str, str]) -> Task | None:
        job = environment.get("JOB_ID")
        if job is None:
            return None
        directory = Path(environment.get("SGE_O_WORKDIR", "."))
        number = environment.get("SGE_TASK_ID", _NONE)
        if number == _NONE:
            return Task(job, job, None, directory)
        return Task(f"{job}.{number}", job, f"{job}.{environment.get('SGE_TASK_FIRST', '1')}", directory)

    def standing(self, task: str) -> Standing:
        answer = ask(["qstat", "-u", getpass.getuser(), "-g", "d"])
        if not answer.is_good:
            return Standing.QUEUED
        job, _, number = task.partition(".")
        rows = [line.split() for line in answer.output.splitlines()]
        states = [row[4] for row in rows if len(row) > 4 and row[0] == job and number in ("", row[-1])]
        if not states:
            return Standing.GONE
        return Standing.CROWDED_OUT if states[0] in _WAITING else Standing.QUEUED

    def warned_after(self, task: str) -> float | None:
        """Half of a time that is short. ``s_rt`` would warn a task, but kills one that was started again."""
        answer = ask(["qstat", "-j", task.partition(".")[0]])
        found = re.search(r"^hard resource_list:.*\bh_rt=([\d:]+)", answer.output, flags=re.MULTILINE)
        if found is None:
            return None
        limit = 0
        for part in found[1].split(":"):
            limit = 60 * limit + int(part)
        return max(limit - WARNING_SECONDS, limit / 2)

    def requeue(self, task: str) -> int | None:
        """What becomes of a job that is to be deleted, or was out of time, the scheduler knows."""
        return _AGAIN

    def directives(self, num_tasks: int, time_limit: int | None) -> list[str]:
        array = [f"-t 1-{num_tasks}"]
        return array if time_limit is None else [*array, f"-l h_rt={time_limit}"]

    def submitted(self, output: str) -> str:
        return output.strip().partition(".")[0]
