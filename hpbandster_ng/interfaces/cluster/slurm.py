"""Slurm."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hpbandster_ng.interfaces.cluster.scheduler import Standing, Task, ask

__all__ = ["Slurm"]


class Slurm:
    """Slurm, by its environment variables and commands.

    Example:
        >>> environment = {"SLURM_ARRAY_JOB_ID": "4711", "SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_MIN": "1"}
        >>> Slurm().task(environment).name, Slurm().task(environment).first
        ('4711_3', '4711_1')
        >>> Slurm().directives(9, 4 * 3600)
        ['--array=1-9', '--time=04:00:00']
    """

    name = "slurm"
    program: tuple[str, ...] = ("sbatch", "--parsable")
    mark = "#SBATCH"

    def task(self, environment: Mapping[str, str]) -> Task | None:
        directory = Path(environment.get("SLURM_SUBMIT_DIR", "."))
        if "SLURM_ARRAY_TASK_ID" in environment:
            job, number = environment["SLURM_ARRAY_JOB_ID"], environment["SLURM_ARRAY_TASK_ID"]
            first = environment.get("SLURM_ARRAY_TASK_MIN", "1")
            return Task(f"{job}_{number}", job, f"{job}_{first}", directory)
        single = environment.get("SLURM_JOB_ID")
        return None if single is None else Task(single, single, None, directory)

    def standing(self, task: str) -> Standing:
        answer = ask(["squeue", "--noheader", "--format=%T %r", f"--jobs={task}"])
        if not answer.is_good:
            return Standing.GONE if "Invalid job id" in answer.complaint else Standing.QUEUED
        state, _, reason = answer.output.strip().partition(" ")
        if not state:
            return Standing.GONE
        is_crowded_out = state == "PENDING" and (reason in ("Priority", "Resources") or reason.endswith("Limit"))
        return Standing.CROWDED_OUT if is_crowded_out else Standing.QUEUED

    def warned_after(self, task: str) -> float | None:
        """The job script asks for a signal."""
        return None

    def requeue(self, task: str) -> int | None:
        """A job that was submitted with ``--no-requeue`` is refused."""
        return 0 if ask(["scontrol", "requeue", task]).is_good else None

    def directives(self, num_tasks: int, time_limit: int | None) -> list[str]:
        array = [f"--array=1-{num_tasks}"]
        return array if time_limit is None else [*array, f"--time={_clock(time_limit)}"]

    def submitted(self, output: str) -> str:
        return output.strip().partition(";")[0]


def _clock(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    return f"{hours:02}:{rest // 60:02}:{rest % 60:02}"
