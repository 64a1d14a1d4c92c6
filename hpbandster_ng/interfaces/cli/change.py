"""``hpbandster-ng release``, ``delete`` and ``extend``: changes of an experiment by hand."""

from __future__ import annotations

from typing import Any

import click

from hpbandster_ng.experiments import Experiment
from hpbandster_ng.interfaces.cli.options import as_json_option, experiment_argument, storage_option
from hpbandster_ng.interfaces.cli.tables import say, show_json

__all__ = ["delete", "extend", "release"]


@click.command()
@experiment_argument
@click.argument("suggestion")
@storage_option()
@as_json_option
def release(experiment: str, suggestion: str, storage: str, as_json: bool) -> None:
    """Give a suggestion back, so that it is offered again."""
    with Experiment.open(storage, experiment) as opened:
        opened.release(suggestion)
    _tell(as_json, f"Suggestion {suggestion} is offered again.", released=suggestion)


@click.command()
@experiment_argument
@click.option("--suggestions", is_flag=True, help="Only its open suggestions, with their configurations.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@storage_option()
@as_json_option
def delete(experiment: str, suggestions: bool, yes: bool, storage: str, as_json: bool) -> None:
    """Delete an experiment with all that was observed, or its open suggestions."""
    with Experiment.open(storage, experiment) as opened:
        if suggestions:
            number = opened.delete_suggestions()
            _tell(as_json, f"Deleted {number} open suggestions of {opened.name}.", id=opened.id, suggestions=number)
            return
        observed = sum(opened.progress.observed.values())
        if not yes:
            click.confirm(f"Delete {opened.name} with {observed} observations?", abort=True, err=True)
        opened.delete()
    _tell(as_json, f"Deleted {opened.name} with {observed} observations.", id=opened.id, observations=observed)


@click.command()
@experiment_argument
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
