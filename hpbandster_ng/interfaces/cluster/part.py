"""Which part a task has in a run: pure, from what the scheduler and the user say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from hpbandster_ng.backends.pyro.credentials import check_run_id
from hpbandster_ng.interfaces.cluster.scheduler import Task

__all__ = ["NIC_NAME", "RUN_ID", "WORKER", "Part", "check_arguments", "part_of"]

NIC_NAME = "HPB_NIC_NAME"
"""Of the environment: by which network interface the tasks reach each other."""

RUN_ID = "HPB_RUN_ID"
"""Of the environment: the run to take part in, if it is not the job's own."""

WORKER = "--worker"
"""The argument by which a script is a worker."""

_OF_THE_JOB = {
    "--run_id": f"its run has the job's id, or the name in {RUN_ID}",
    "--nic_name": f"it is the one in {NIC_NAME}",
    "--shared_directory": "it is hpbandster_ng_RUN, in the directory from which you submit",
}
"""Arguments that a script gets from its task: the task waits for the run there, and must know where it is."""


@dataclass(frozen=True)
class Part:
    """What a task has to do.

    Attributes:
        run_id: of which run.
        task: the task's name.
        master: the name of the master's task; None if that is another job's.
        is_worker: whether it is a worker.
        nic_name: the network interface.
        directory: the one that the run's tasks share.
        script: the user's, with its arguments.
    """

    run_id: str
    task: str
    master: str | None
    is_worker: bool
    nic_name: str
    directory: Path
    script: Sequence[str]

    @property
    def command(self) -> list[str]:
        """The script with all its arguments."""
        script, *arguments = self.script
        role = [WORKER] if self.is_worker and WORKER not in arguments else []
        run = ["--run_id", self.run_id, "--nic_name", self.nic_name, "--shared_directory", str(self.directory)]
        return [script, *run, *role, *arguments]


def check_arguments(arguments: Sequence[str]) -> None:
    """Refuse those that the script gets from its task.

    Raises:
        click.UsageError: says which.
    """
    for argument in arguments:
        name = argument.partition("=")[0]
        if name in _OF_THE_JOB:
            raise click.UsageError(f"leave {name} out, the job gives it: {_OF_THE_JOB[name]}")


def part_of(task: Task | None, environment: Mapping[str, str], script: Sequence[str]) -> Part:
    """The first task of an array is the master, the others are workers; alone, or all of them, if the user says so.

    Raises:
        click.UsageError: there is no script or no array, or an argument is not the user's to give.
        InvalidArgumentError: the run's name cannot be one.

    Example:
        >>> task = Task("4711_1", "4711", "4711_1", Path("/home/me"))
        >>> part = part_of(task, {}, ["my_script.py", "--n_iterations", "8"])
        >>> part.is_worker, part.run_id, str(part.directory)
        (False, '4711', '/home/me/hpbandster_ng_4711')
    """
    if not script:
        raise click.UsageError("there is no script")
    check_arguments(script[1:])
    if task is None:
        raise click.UsageError("this is no job of a scheduler")
    chosen = environment.get(RUN_ID) or None
    is_for_another = WORKER in script[1:]
    if chosen is None and is_for_another:
        raise click.UsageError(f"{WORKER} makes all tasks workers, so say of which run: export {RUN_ID}=...")
    if chosen is None and task.first is None:
        raise click.UsageError(f"the job is no array; for a master alone, say of which run: export {RUN_ID}=...")
    run_id = check_run_id(chosen or task.job)
    return Part(
        run_id,
        task.name,
        None if is_for_another else task.first or task.name,
        is_for_another or task.first not in (None, task.name),
        environment.get(NIC_NAME, "eth0"),
        task.directory.resolve() / f"hpbandster_ng_{run_id}",
        script,
    )
