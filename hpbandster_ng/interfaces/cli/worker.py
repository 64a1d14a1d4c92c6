"""``hpbandster-ng worker``: workers for a run or for experiments, from nothing but their class."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import click
from click.core import ParameterSource

from hpbandster_ng.core.termination import ended_by_signals
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.interfaces.cli.options import storage_option
from hpbandster_ng.interfaces.cli.processes import run_together, same_command
from hpbandster_ng.interfaces.cli.serve_database import serve_database
from hpbandster_ng.interfaces.cli.serving import check_place
from hpbandster_ng.interfaces.cli.worker_class import TARGET, build_worker, load_worker_class

__all__ = ["worker"]

_log = logging.getLogger("hpbandster_ng")

_OF_A_RUN = (
    "run_id", "shared_directory", "nameserver", "nameserver_port", "timeout", "insecure", "max_message_bytes",
)  # fmt: skip
_OF_A_DATABASE = ("storage", "experiment", "poll_interval", "max_idle", "working_directory")
"""The options that are for one of the two only."""


@click.command()
@click.argument("target", metavar=TARGET)
@click.option("--run-id", metavar="NAME", help="The run to work for.")
@storage_option(required=False)
@click.option("--experiment", metavar="NAME|ID", help="Of a database, the one to work for; all by default.")
@click.option(
    "--poll-interval",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Of a database: time between two looks for a suggestion; 0.1 by default.",
)
@click.option(
    "--max-idle",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Of a database: end after so long without a suggestion; 300 by default.",
)
@click.option(
    "--working-directory",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Of a database: where configurations get their directories; the current one by default.",
)
@click.option(
    "--shared-directory",
    type=click.Path(exists=True, file_okay=False),
    help="Where the nameserver of the run writes its address; waits for it.",
)
@click.option("--nameserver", metavar="HOST", help="Host of the nameserver; 127.0.0.1 by default.")
@click.option(
    "--port", "nameserver_port", type=click.IntRange(1, 65535), metavar="PORT", help="Its port; 9090 by default."
)
@click.option("--host", metavar="NAME", help="Name of this machine; its host name by default.")
@click.option("--id", metavar="ID", help="Tells workers apart; 0, 1, ... where several are started.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="How many; one, or one a device, by default.")
@click.option("--devices", metavar="A,B,...", help="Such as cuda:0,cuda:1; each worker sees one of them.")
@click.option("--isolate", is_flag=True, help="Evaluate in a child process, which a crash costs in place of a worker.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="End after so long without a job.",
)
@click.option("--insecure", is_flag=True, help="The nameserver was started with insecure=True.")
@click.option("--max-message-bytes", type=int, metavar="BYTES", help="What one result may weigh, as text.")
@click.pass_context
def worker(context: click.Context, /, target: str, workers: int | None, **options: Any) -> None:
    """Work for a run, until it is over, or for the experiments of a database.

    MODULE:CLASS is the class of the worker: a module, which may lie in the current directory, or the path of a file, as
    in workers/digits.py:DigitsWorker.

    Several workers are processes of their own. They get every signal that this process gets, and end with it.
    """
    settings = {name: value for name, value in options.items() if value is not None and value is not False}
    is_for_a_run = "run_id" in settings
    _check_fit(context, settings, is_for_a_run)
    if "devices" in settings:
        settings["devices"] = _split(settings["devices"])
    number = workers or len(settings.get("devices", "1"))
    if number > 1 and "id" in settings:
        raise click.UsageError(f"--id names one worker, and these are {number}; leave it out, or give --workers 1.")
    shared_directory = settings.pop("shared_directory", None)
    place = {name: settings.pop(name) for name in _OF_A_DATABASE if name in settings}
    work: Callable[[], int | None] | None = None
    with ended_by_signals(lambda _: False, _log, "the start"):  # who works answers signals himself
        if place:
            check_place(place["storage"], place.get("experiment"))
        if number > 1:
            work = _ready_workers(context, target, number, {"run_id": "any", **settings})
        elif place:
            work = partial(serve_database, load_worker_class(target), target, settings, **place)
        else:
            work = _ready_worker(target, shared_directory, settings).run
    if work is not None:
        context.exit(work() or 0)


def _check_fit(context: click.Context, settings: dict[str, Any], is_for_a_run: bool) -> None:
    """Refuse options that are not for what is worked for; a database of the environment gives way to a run."""
    if is_for_a_run and context.get_parameter_source("storage") is ParameterSource.ENVIRONMENT:
        del settings["storage"]
    if is_for_a_run == ("storage" in settings):
        raise click.UsageError("give either --run-id, for a run, or --storage, for the experiments of a database.")
    for name in _OF_A_DATABASE if is_for_a_run else _OF_A_RUN:
        if name in settings:
            option = next(each.opts[0] for each in context.command.params if each.name == name)
            raise click.UsageError(f"{option} is not for {'a run' if is_for_a_run else 'experiments'}; leave it out.")
    if "shared_directory" in settings and not settings.keys().isdisjoint({"nameserver", "nameserver_port"}):
        raise click.UsageError("--shared-directory tells the nameserver; leave out --nameserver and --port.")


def _split(devices: str) -> list[str]:
    names = [name.strip() for name in devices.split(",")]
    if not all(names):
        raise click.BadParameter(f"{devices!r} has an empty entry; write cuda:0,cuda:1.", param_hint="--devices")
    return names


def _ready_worker(target: str, shared_directory: str | None, settings: Mapping[str, Any]) -> Worker:
    ready = build_worker(load_worker_class(target), target, settings)
    if shared_directory is not None:
        _log.info("waits for the nameserver to write its address into %s", shared_directory)
        ready.load_nameserver_credentials(shared_directory)
    return ready


def _ready_workers(
    context: click.Context, target: str, number: int, settings: Mapping[str, Any]
) -> Callable[[], int | None]:
    """What is wrong is found out here, once, before anything starts; constructors of users may take their time."""
    load_worker_class(target)
    for index in range(number):
        Worker(**settings, id=str(index))
    return partial(run_together, [same_command(context, id=str(index), workers=1) for index in range(number)])
