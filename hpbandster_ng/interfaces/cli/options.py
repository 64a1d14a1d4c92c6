"""What commands on experiments share: where these are, which one is meant, and how answers are printed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from hpbandster_ng.core.recorded import result_of_log
from hpbandster_ng.core.result import Result
from hpbandster_ng.engine.events import Event
from hpbandster_ng.errors import HpbandsterError, InvalidArgumentError, LogError, StorageError
from hpbandster_ng.experiments import Experiment, Progress
from hpbandster_ng.storage.shared import SharedLogs
from hpbandster_ng.storage.urls import run_ids_of, storage_of

__all__ = [
    "STORAGE_VARIABLE",
    "as_json_option",
    "experiment_argument",
    "log_of_run",
    "progress_of",
    "storage_option",
    "which",
]

STORAGE_VARIABLE = "HPBANDSTER_STORAGE"

_JOURNAL = "journal:"

_Command = TypeVar("_Command", bound=Callable[..., Any])


def storage_option(required: bool = True, has_runs: bool = False) -> Callable[[_Command], _Command]:
    """Adds ``--storage``, of experiments or of runs as well."""
    return click.option(
        "--storage",
        required=required,
        envvar=STORAGE_VARIABLE,
        show_envvar=True,
        metavar="URL",
        help=f"Of the database: sqlite:///FILE, postgresql://... or mongodb://...{'; or journal:DIRECTORY' * has_runs}",
    )


def as_json_option(command: _Command) -> _Command:
    """Adds ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def experiment_argument(required: bool = True) -> Callable[[_Command], _Command]:
    """Adds the argument that says which experiment is meant."""
    metavar = "ID" if required else "[ID]"
    return click.argument("experiment", metavar=metavar, required=required, shell_complete=_complete)


def which(storage: str, identity: str | None) -> tuple[str, bool]:
    """Of the experiments and runs that are kept there, the one that is meant, and whether it is a run.

    Args:
        identity: of an experiment, or the run_id of a run; None where there is but one. An experiment is meant rather
            than a run of the same name.

    Raises:
        LogError: there is no such one.
    """
    if storage.startswith(_JOURNAL):
        return identity or "", True
    experiments, runs = Experiment.names(storage), run_ids_of(storage)
    there = [*experiments, *runs]
    known = ", ".join([*experiments.values(), *runs])
    if identity is None:
        if not there:
            raise LogError("there is no experiment or run here, or no database; see that --storage is the right one")
        if len(there) != 1:
            raise click.UsageError(f"there is not exactly one experiment or run; say which one: there are {known}.")
        identity = there[0]
    if identity in experiments or identity in experiments.values() or not runs:
        return identity, False
    if identity not in runs:
        raise LogError(f"there is no experiment or run {identity!r} here; there are {known}")
    return identity, True


def log_of_run(storage: str, run_id: str) -> list[Event]:
    """All of it.

    Raises:
        InvalidArgumentError: there is none.
    """
    events = list(storage_of(storage, run_id).read())
    if not events:
        raise InvalidArgumentError("storage", storage, "must hold a run", "a master makes it by storage=...")
    return events


def result_of(storage: str, identity: str | None) -> Result:
    """What the experiment or the run that is meant, as :func:`which` says, has found out so far."""
    identity, is_run = which(storage, identity)
    if is_run:
        return result_of_log(log_of_run(storage, identity), storage)
    with Experiment.open(storage, identity) as opened:
        return opened.result()


def progress_of(logs: SharedLogs, identity: str) -> Progress | HpbandsterError:
    """How far one is, or why that cannot be told."""
    try:
        with Experiment.open(logs, identity) as experiment:
            return experiment.progress
    except StorageError:
        raise
    except HpbandsterError as error:
        return error


def _complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids for a shell; none where the experiments cannot be read."""
    storage = context.params.get("storage") or os.environ.get(STORAGE_VARIABLE)
    try:
        names = Experiment.names(storage) if storage else {}
    except HpbandsterError:
        return []
    return [CompletionItem(each, help=name) for each, name in names.items() if each.startswith(incomplete)]
