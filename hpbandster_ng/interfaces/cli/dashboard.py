"""``hpbandster-ng dashboard``: runs in the browser."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from hpbandster_ng.errors import MissingExtraError
from hpbandster_ng.interfaces.cli.options import STORAGE_VARIABLE
from hpbandster_ng.interfaces.dashboard.places import Database, Directories, Place, directory_of_run

__all__ = ["dashboard"]

_JOURNAL = "journal:"
_FIRST_LOOK = 5.0
"""Seconds that the log may take to show that it cannot be read, before the page is served."""


@click.command()
@click.option(
    "--storage",
    metavar="URL",
    help=f"Where runs are: sqlite:///FILE, postgresql://..., mongodb://... or journal:DIRECTORY.  [env var: "
    f"{STORAGE_VARIABLE}]",
)
@click.option("--run-id", metavar="NAME", help="Show this run only.")
@click.option("--experiment", metavar="ID", help="Show this experiment of the database only.")
@click.option(
    "--directory",
    "directories",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="A journal, or configs.json and results.json, or results.pkl, or several of them one level below; as often as "
    "you like.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8321, show_default=True, help="0 for any that is free.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Where to listen; another one than the default can be reached from other machines, unencrypted.",
)
def dashboard(
    storage: str | None,
    run_id: str | None,
    experiment: str | None,
    directories: Sequence[Path],
    port: int,
    host: str,
) -> None:
    """Show runs in the browser, while they go on and afterwards; nothing can be changed there.

    Prints an address with a token, without which nothing is shown. Ctrl-C ends it, and no run.

    With --run-id alone, the journal is looked for where the scripts for clusters keep it: run_NAME, or
    hpbandster_ng_NAME/run_NAME, here.
    """
    place = _place(storage, run_id, experiment, directories)
    try:
        from hpbandster_ng.interfaces.dashboard.desk import Desk  # noqa: PLC0415 - what it loads takes a second
        from hpbandster_ng.interfaces.dashboard.server import DashboardServer  # noqa: PLC0415 - an extra
    except MissingExtraError as error:  # of a part of it
        raise MissingExtraError("The dashboard", error.package, "dashboard") from error

    with Desk(place) as desk, DashboardServer(desk, host, port) as server:
        desk.check(_FIRST_LOOK)
        server.run(lambda address: click.echo(f"The dashboard is at {address}"))


def _place(storage: str | None, run_id: str | None, experiment: str | None, directories: Sequence[Path]) -> Place:
    if storage is not None and directories:
        raise click.UsageError("--storage and --directory are two places; give one of them.")
    if run_id is not None and experiment is not None:
        raise click.UsageError("--run-id and --experiment are two things; give one of them.")
    if not directories and storage is None:
        storage = os.environ.get(STORAGE_VARIABLE) or None
    if storage is not None and storage.startswith(_JOURNAL):
        directories, storage = [Path(storage.removeprefix(_JOURNAL))], None
    if storage is not None:
        return Database(storage, run_id, experiment)
    if experiment is not None:
        raise click.UsageError("--experiment needs --storage URL, the database that it is in.")
    if directories:
        return Directories(directories, run_id)
    if run_id is None:
        raise click.UsageError("give --storage URL, --directory DIR or --run-id NAME.")
    return Directories([directory_of_run(run_id)])
