"""``hpbandster-ng release``, ``delete`` and ``extend``: changes of an experiment by hand."""

from __future__ import annotations

from typing import Any

import click

from hpbandster_ng.errors import HpbandsterError
from hpbandster_ng.experiments import Experiment
from hpbandster_ng.experiments.specification import id_of
from hpbandster_ng.interfaces.cli.options import as_json_option, experiment_argument, progress_of, storage_option
from hpbandster_ng.interfaces.cli.tables import say, show_json
from hpbandster_ng.storage.shared import SharedLogs
from hpbandster_ng.storage.urls import logs_closed_on_error

__all__ = ["delete", "extend", "release"]


@click.command()
@experiment_argument()
@click.argument("suggestion")
@storage_option()
@as_json_option
def release(experiment: str, suggestion: str, storage: str, as_json: bool) -> None:
    """Give a suggestion back, so that it is offered again."""
    with Experiment.open(storage, experiment) as opened:
        opened.release(suggestion)
    _tell(as_json, f"Suggestion {suggestion} is offered again.", released=suggestion)


@click.command()
@experiment_argument()
@click.option("--suggestions", is_flag=True, help="Only its open suggestions, with their configurations.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@storage_option()
@as_json_option
def delete(experiment: str, suggestions: bool, yes: bool, storage: str, as_json: bool) -> None:
    """Delete an experiment with all that was observed, or its open suggestions.

    An experiment that cannot be read here can be deleted, too.
    """
    if suggestions:
        with Experiment.open(storage, experiment) as opened:
            number = opened.delete_suggestions()
        _tell(as_json, f"Deleted {number} open suggestions of {opened.name}.", id=opened.id, suggestions=number)
        return
    with logs_closed_on_error(storage, closes_always=True) as logs:
        identity, name = _meant(logs, experiment)
        progress = progress_of(logs, identity)
        observed = None if isinstance(progress, HpbandsterError) else sum(progress.observed.values())
        everything = f"{name} with {'all' if observed is None else observed} observations"
        if not yes:
            click.confirm(f"Delete {everything}?", abort=True, err=True)
        logs.delete(identity)
    _tell(as_json, f"Deleted {everything}.", id=identity, observations=observed)


def _meant(logs: SharedLogs, experiment: str) -> tuple[str, str]:
    """Id and name, also of one that cannot be read here."""
    names = Experiment.names(logs)
    for identity in (experiment, id_of(experiment)):
        if identity in names:
            return identity, names[identity]
    with Experiment.open(logs, experiment) as opened:  # raises, and tells which there are
        return opened.id, opened.name


@click.command()
@experiment_argument()
@click.option("--n-iterations", type=click.IntRange(min=1), required=True, metavar="N", help="How many in all.")
@storage_option()
@as_json_option
def extend(experiment: str, n_iterations: int, storage: str, as_json: bool) -> None:
    """Ask for more iterations of an experiment."""
    with Experiment.open(storage, experiment) as opened:
        opened.extend(n_iterations)
    _tell(as_json, f"{opened.name} has {n_iterations} iterations now.", id=opened.id, n_iterations=n_iterations)


def _tell(as_json: bool, sentence: str, **facts: Any) -> None:
    if as_json:
        show_json(facts)
    else:
        say(sentence)
