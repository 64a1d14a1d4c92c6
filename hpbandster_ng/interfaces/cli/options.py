"""What commands on experiments share: where these are, which one is meant, and how answers are printed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from hpbandster_ng.errors import HpbandsterError, StorageError
from hpbandster_ng.experiments import Experiment, Progress
from hpbandster_ng.storage.shared import SharedLogs

__all__ = ["STORAGE_VARIABLE", "as_json_option", "experiment_argument", "progress_of", "storage_option"]

STORAGE_VARIABLE = "HPBANDSTER_STORAGE"

_Command = TypeVar("_Command", bound=Callable[..., Any])


def storage_option(required: bool = True) -> Callable[[_Command], _Command]:
    """Adds ``--storage``."""
    return click.option(
        "--storage",
        required=required,
        envvar=STORAGE_VARIABLE,
        show_envvar=True,
        metavar="URL",
        help="Of the database: sqlite:///FILE, postgresql://... or mongodb://...",
    )


def as_json_option(command: _Command) -> _Command:
    """Adds ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def experiment_argument(required: bool = True) -> Callable[[_Command], _Command]:
    """Adds the argument that says which experiment is meant."""
    metavar = "ID" if required else "[ID]"
    return click.argument("experiment", metavar=metavar, required=required, shell_complete=_complete)


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
