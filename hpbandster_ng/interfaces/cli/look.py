"""``hpbandster-ng list``, ``status`` and ``suggestions``: how experiments are."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import click

from hpbandster_ng.errors import HpbandsterError
from hpbandster_ng.experiments import Best, Experiment, Metric, Progress, Suggestion
from hpbandster_ng.interfaces.cli.options import as_json_option, experiment_argument, progress_of, storage_option
from hpbandster_ng.interfaces.cli.tables import figure, say, show_fields, show_json, show_table
from hpbandster_ng.storage.urls import logs_closed_on_error

__all__ = ["list_experiments", "status", "suggestions"]


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
@experiment_argument
@storage_option()
@as_json_option
def status(experiment: str, storage: str, as_json: bool) -> None:
    """Show how far an experiment is, and what is best so far."""
    with Experiment.open(storage, experiment) as opened:
        progress, best, front = opened.progress, opened.best(), opened.pareto_front()
    metrics: tuple[Metric, ...] = opened.metrics.all
    has_front = len(opened.metrics.optimised) > 1
    if as_json:
        details = {
            "metrics": [asdict(metric) for metric in metrics],
            "parallel_bandwidth": opened.parallel_bandwidth,
            "metadata": opened.metadata,
            "best": None if best is None else asdict(best),
        }
        summary = _summary(opened.id, opened.name, progress)
        show_json(summary | details | ({"pareto_front": [asdict(each) for each in front]} if has_front else {}))
        return
    state, iterations, is_open, observed = _standing(progress)
    fields = {"id": opened.id, "name": opened.name, "state": state, "iterations": iterations, "open": is_open}
    fields |= {"observed": observed, "metrics": "; ".join(map(_described, metrics))}
    fields |= {"metadata": json.dumps(opened.metadata, default=repr)} if opened.metadata else {}
    fields |= {"best": "nothing yet"} if best is None else _of_best(best)
    show_fields(fields)
    if has_front and front:
        say("")
        say("No other configuration is better in every metric than one of these:")
        rows = ([*map(figure, each.metrics.values()), json.dumps(each.config)] for each in front)
        show_table((*front[0].metrics, "configuration"), rows)


@click.command()
@experiment_argument
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


def _described(metric: Metric) -> str:
    bound = "" if metric.threshold is None else f", threshold {figure(metric.threshold)}"
    return f"{metric.name} ({metric.strategy}, {metric.objective}{bound})"


def _of_best(best: Best) -> dict[str, str]:
    values = ", ".join(f"{name} {figure(value)}" for name, value in best.metrics.items())
    return {"best": values, "on budget": figure(best.budget), "with": json.dumps(best.config)}


def _row(suggestion: Suggestion) -> tuple[object, ...]:
    config_id = "_".join(map(str, suggestion.config_id))
    values = json.dumps(suggestion.config)
    outcome = [] if suggestion.outcome is None else [suggestion.outcome]
    return suggestion.id, config_id, figure(suggestion.budget), suggestion.attempt, *outcome, values
