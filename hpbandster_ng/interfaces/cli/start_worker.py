"""``hpbandster-ng start-worker``: a user's own command evaluates the suggestions of an experiment."""

from __future__ import annotations

import math
import os
import shutil
import socket
from contextlib import nullcontext
from pathlib import Path

import click

from hpbandster_ng.interfaces.cli.options import experiment_argument, storage_option
from hpbandster_ng.interfaces.cli.processes import run_together, same_command
from hpbandster_ng.interfaces.cli.serving import Service, check_place
from hpbandster_ng.interfaces.cli.user_command import UserCommand
from hpbandster_ng.storage.urls import logs_closed_on_error

__all__ = ["start_worker"]

_POLL = 0.1
"""Seconds between two looks for a suggestion."""


@click.command("start-worker")
@experiment_argument()
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
@storage_option()
@click.option("--workers", type=click.IntRange(min=1), default=1, metavar="N", help="How many; one by default.")
@click.option(
    "--max-idle",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="End after so long without a suggestion; by default, when the experiment is finished.",
)
@click.option(
    "--working-directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    metavar="DIR",
    help="Where evaluations get their directories; the current one by default.",
)
@click.pass_context
def start_worker(
    context: click.Context,
    experiment: str,
    command: tuple[str, ...],
    storage: str,
    workers: int,
    max_idle: float | None,
    working_directory: Path,
) -> None:
    """Evaluate the suggestions of an experiment by a command of yours.

    \b
    It runs in the current directory, once for each suggestion, with
      HPBANDSTER_CONFIG           the configuration, as JSON
      HPBANDSTER_PARAM_<NAME>     one value of it
      HPBANDSTER_BUDGET           what to spend
      HPBANDSTER_PREVIOUS_BUDGET  what this configuration had before, if any
      HPBANDSTER_CONFIG_ID        such as 0_0_3
      HPBANDSTER_DIRECTORY        a directory of this evaluation
      HPBANDSTER_INPUT            a JSON file with all of these
      HPBANDSTER_OUTPUT           where to write the metrics, as JSON

    If it ends with an exit code other than 0, the evaluation has failed. Without a file of metrics, it counts as an
    invalid return. A signal, or Ctrl-C, kills it and gives the suggestion back.
    """  # noqa: D301 - click keeps the lines of a paragraph that begins with this
    if shutil.which(command[0]) is None:
        raise click.UsageError(f"there is no program {command[0]!r} here; write: start-worker ID -- python train.py")
    check_place(storage, experiment)  # what is wrong is found out once, before anything starts
    if workers > 1:
        context.exit(run_together([same_command(context, workers=1) for _ in range(workers)]))
    with logs_closed_on_error(storage, closes_always=True) as logs:
        service = Service(
            logs,
            experiment,
            lambda opened: nullcontext(UserCommand(opened, command, working_directory).evaluate),
            f"{socket.gethostname()}.{os.getpid()}",
            may_finish=lambda: False,
        )
        reason = service.run(math.inf if max_idle is None else max_idle, _POLL)
    if reason is not None:
        click.echo(f"Ended: {reason}.", err=True)
