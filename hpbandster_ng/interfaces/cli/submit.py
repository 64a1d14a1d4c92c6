"""``hpbandster-ng submit``: a script as the job of a cluster."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from hpbandster_ng.backends.pyro.credentials import check_run_id
from hpbandster_ng.errors import HpbandsterError
from hpbandster_ng.interfaces.cli.options import as_json_option
from hpbandster_ng.interfaces.cli.tables import show_json
from hpbandster_ng.interfaces.cluster.job_script import job_script
from hpbandster_ng.interfaces.cluster.part import NIC_NAME, RUN_ID, WORKER, check_arguments
from hpbandster_ng.interfaces.cluster.scheduler import WARNING_SECONDS, Scheduler, ask
from hpbandster_ng.interfaces.cluster.schedulers import SCHEDULERS

__all__ = ["submit"]


def _seconds(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    """Of a time in hours, minutes and seconds."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+):([0-5]\d):([0-5]\d)", value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no time; write hours, minutes and seconds, as 4:00:00.")
    hours, minutes, seconds = map(int, found.groups())
    total = 3600 * hours + 60 * minutes + seconds
    if total <= 2 * WARNING_SECONDS:
        raise click.BadParameter(
            f"{value} is too short, since tasks are told two minutes before; give 0:05:00 or more."
        )
    return total


@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("script", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--scheduler", "name", type=click.Choice([*SCHEDULERS]), help="By default, the one that is here.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="How many tasks are workers.")
@click.option("--only-master", is_flag=True, help="Submit no workers; they are another job, before or after.")
@click.option("--only-workers", is_flag=True, help="Submit no master; it is another job, before or after.")
@click.option("--run-id", metavar="NAME", help="Of the run; by default, the id of the job.")
@click.option(
    "--nic-name",
    envvar=NIC_NAME,
    show_envvar=True,
    default="eth0",
    show_default=True,
    metavar="NAME",
    help="By which network interface the nodes reach each other.",
)
@click.option("--time-limit", callback=_seconds, metavar="H:MM:SS", help="Of each task; the run goes on in the next.")
@click.option(
    "-o",
    "--option",
    "options",
    multiple=True,
    metavar="TEXT",
    help="For the scheduler, such as -o --partition=gpu, or -o '-l gpu=1'; as often as you like.",
)
@click.option("--dry-run", is_flag=True, help="Print the job script, and submit nothing.")
@as_json_option
def submit(
    script: Path,
    arguments: Sequence[str],
    name: str | None,
    workers: int | None,
    only_master: bool,
    only_workers: bool,
    run_id: str | None,
    nic_name: str,
    time_limit: int | None,
    options: Sequence[str],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Submit a script to Slurm or to the Sun Grid Engine, and print the id of the job.

    SCRIPT takes the arguments of examples/example_4_cluster.py; those behind it are handed on. The first task is the
    master, the others are workers. They meet in the directory hpbandster_ng_RUN, here.

    With --only-master and --only-workers they are two jobs of the same --run-id, submitted in any order, at any time.
    """
    check_arguments(arguments)
    if WORKER in arguments:
        raise click.UsageError(f"{WORKER} is not for the script here; give --only-workers, before it.")
    num_tasks = _num_tasks(workers, only_master, only_workers, run_id)
    scheduler = SCHEDULERS[name or _found()]
    for option in options:
        if "\n" in option:
            raise click.BadParameter("an option is one line.", param_hint="--option")
    settings = {"HPB_PYTHON": sys.executable, NIC_NAME: nic_name}
    if run_id is not None:
        settings[RUN_ID] = check_run_id(run_id)
    role = [WORKER] if only_workers else []
    text = job_script(
        scheduler,
        [*scheduler.directives(num_tasks, time_limit), *options],
        settings,
        [str(script), *role, *arguments],
    )
    if dry_run:
        if as_json:
            show_json({"scheduler": scheduler.name, "script": text})
        else:
            click.echo(text, nl=False)
        return
    job = _submitted(scheduler, text)
    run = run_id or job
    if as_json:
        directory = str(Path.cwd() / f"hpbandster_ng_{run}")
        show_json({"scheduler": scheduler.name, "job": job, "run_id": run, "shared_directory": directory})
    else:
        click.echo(job)


def _num_tasks(workers: int | None, only_master: bool, only_workers: bool, run_id: str | None) -> int:
    if only_master and only_workers:
        raise click.UsageError("--only-master and --only-workers are two jobs; submit one after the other.")
    if (only_master or only_workers) and run_id is None:
        raise click.UsageError("--only-master and --only-workers belong to one run; give both the same --run-id.")
    if only_master and workers is not None:
        raise click.UsageError("--workers is not for --only-master; leave it out.")
    if workers is None and not only_master:
        raise click.UsageError("give --workers N; the master is one more.")
    return (workers or 0) + (not only_workers)


def _found() -> str:
    """The name of the scheduler that is here."""
    here = [name for name, scheduler in SCHEDULERS.items() if shutil.which(scheduler.program[0])]
    if len(here) == 1:
        return here[0]
    programs = " and ".join(scheduler.program[0] for scheduler in SCHEDULERS.values())
    state = f"{programs} are both" if here else f"neither {programs.replace('and', 'nor')} is"
    raise click.UsageError(f"{state} on the PATH here; say which by --scheduler {'|'.join(SCHEDULERS)}.")


def _submitted(scheduler: Scheduler, text: str) -> str:
    """The id of the job.

    Raises:
        HpbandsterError: the scheduler is not here, or takes no such job.
    """
    program = scheduler.program[0]
    if shutil.which(program) is None:
        raise HpbandsterError(f"there is no {program} on the PATH; submit on a machine that has it, or give --dry-run")
    answer = ask(scheduler.program, text)
    if not answer.is_good:
        raise HpbandsterError(f"{program} refuses the job: {answer.complaint.strip() or answer.output.strip()}")
    return scheduler.submitted(answer.output)
