"""``hpbandster-ng list``, ``status`` and ``suggestions``: how experiments are."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import click

from hpbandster_ng.engine.schedule import budget_text
from hpbandster_ng.errors import HpbandsterError
from hpbandster_ng.experiments import Experiment, Progress, Suggestion
from hpbandster_ng.interfaces.cli.options import as_json_option, experiment_argument, progress_of, storage_option
from hpbandster_ng.interfaces.cli.tables import in_a_line, say, show_json, show_table
from hpbandster_ng.storage.urls import logs_closed_on_error

__all__ = ["list_experiments", "suggestions"]


@click.command("list")
@storage_option()
@as_json_option
def list_experiments(storage: str, as_json: bool) -> None:
    """List the experiments of a database.

    One that cannot be read here, such as one of an optimizer of yours that this machine has not, is among them.
    """
    with logs_closed_on_error(storage, closes_always=True) as logs:
        found = {(identity, name): progress_of(logs, identity) for identity, name in Experiment.names(logs).items()}
    if as_json:
        show_json([_listed(*names, progress) for names, progress in found.items()])
    elif not found:
        say("There are no experiments.")
    else:
        columns = ("id", "name", "state", "iterations", "open", "observed")
        show_table(columns, ([*names, *_standing(progress)] for names, progress in found.items()))
        for (_, name), progress in found.items():
            if isinstance(progress, HpbandsterError):
                click.echo(f"{name} cannot be read here: {' '.join(str(progress).split())}", err=True)


@click.command()
@experiment_argument()
@click.option(
    "--state", type=click.Choice(["open", "closed"]), default="open", show_default=True, help="Which suggestions."
)
@storage_option()
@as_json_option
def suggestions(experiment: str, state: str, storage: str, as_json: bool) -> None:
    """List the suggestions that somebody has, the oldest first; or those whose evaluation has ended."""
    with Experiment.open(storage, experiment) as opened:
        found = opened.suggestions(state)
    if as_json:
        show_json([asdict(each) for each in found])
    elif not found:
        say(f"No suggestion is {state}.")
    else:
        outcome = [] if state == "open" else ["outcome"]
        show_table(("id", "configuration", "budget", "attempt", *outcome, "values"), map(_row, found))


def _summary(identity: str, name: str, progress: Progress) -> dict[str, Any]:
    return {"id": identity, "name": name, "progress": asdict(progress)}


def _listed(identity: str, name: str, progress: Progress | HpbandsterError) -> dict[str, Any]:
    if isinstance(progress, HpbandsterError):
        return {"id": identity, "name": name, "progress": None, "error": str(progress)}
    return _summary(identity, name, progress)


def _standing(progress: Progress | HpbandsterError) -> tuple[str, str, str, str]:
    """State, iterations, open suggestions and observed ones, as texts."""
    if isinstance(progress, HpbandsterError):
        return "unreadable", "", "", ""
    asked = f"{progress.n_iterations:g}" if math.isfinite(progress.n_iterations) else "no limit"
    observed = ", ".join(f"{count} {state}" for state, count in progress.observed.items())
    state = "finished" if progress.is_finished else "running"
    return state, f"{progress.n_begun} of {asked}", str(progress.open), observed or "none"


def _row(suggestion: Suggestion) -> tuple[object, ...]:
    config_id = "_".join(map(str, suggestion.config_id))
    values = in_a_line(suggestion.config)
    outcome = [] if suggestion.outcome is None else [suggestion.outcome]
    return suggestion.id, config_id, budget_text(suggestion.budget), suggestion.attempt, *outcome, values
