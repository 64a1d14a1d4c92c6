"""``hpbandster-ng worker``: workers for a run, from nothing but their class."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import click

from hpbandster_ng.core.termination import ended_by_signals
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.interfaces.cli.processes import run_together
from hpbandster_ng.interfaces.cli.worker_class import TARGET, build_worker, load_worker_class

__all__ = ["worker"]

_log = logging.getLogger("hpbandster_ng")


@click.command()
@click.argument("target", metavar=TARGET)
@click.option("--run-id", required=True, metavar="NAME", help="The run to work for.")
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
def worker(
    context: click.Context, /, target: str, shared_directory: str | None, workers: int | None, **options: Any
) -> None:
    """Work for a run, until it is over.

    MODULE:CLASS is the class of the worker: a module, which may lie in the current directory, or the path of a file, as
    in workers/digits.py:DigitsWorker.

    Several workers are processes of their own. They get every signal that this process gets, and end with it.
    """
    settings = {name: value for name, value in options.items() if value is not None and value is not False}
    if shared_directory is not None and not settings.keys().isdisjoint({"nameserver", "nameserver_port"}):
        raise click.UsageError("--shared-directory tells the nameserver; leave out --nameserver and --port.")
    if "devices" in settings:
        settings["devices"] = _split(settings["devices"])
    number = workers or len(settings.get("devices", "1"))
    if number > 1 and "id" in settings:
        raise click.UsageError(f"--id names one worker, and these are {number}; leave it out, or give --workers 1.")
    work: Callable[[], int | None] | None = None
    with ended_by_signals(lambda _: False, _log, "the start"):  # who works answers signals himself
        if number == 1:
            work = _ready_worker(target, shared_directory, settings).run
        else:
            work = _ready_workers(context, target, number, settings)
    if work is not None:
        context.exit(work() or 0)


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
    return partial(run_together, [_command(context, id=str(index), workers=1) for index in range(number)])


def _command(context: click.Context, **changes: Any) -> list[str]:
    """This command line, but for the changes."""
    verbose = ["--verbose"] if context.find_root().params["verbose"] else []
    command = [sys.executable, "-m", "hpbandster_ng", *verbose, str(context.command.name)]
    values = {**context.params, **changes}
    for parameter in context.command.params:
        value = values.get(str(parameter.name))
        if value is None or value is False:
            continue
        if isinstance(parameter, click.Argument):
            command.append(value)
        else:
            command.append(parameter.opts[0] + ("" if value is True else f"={value}"))
    return command
