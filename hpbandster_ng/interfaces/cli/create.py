"""``hpbandster-ng create`` and ``plan``: an experiment from a file, and what it will execute."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from hpbandster_ng.engine.schedule import BudgetPlan, Plan
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.experiments import Experiment
from hpbandster_ng.interfaces.cli.experiment_file import read_experiment
from hpbandster_ng.interfaces.cli.options import STORAGE_VARIABLE, as_json_option, storage_option
from hpbandster_ng.interfaces.cli.tables import figure, say, show_json, show_table
from hpbandster_ng.storage.memory_logs import MemoryLogs
from hpbandster_ng.storage.shared import SharedLogs

__all__ = ["create", "plan"]

_FILE = "EXPERIMENT.YML"


@click.command()
@click.argument("path", metavar=_FILE, type=click.Path(path_type=Path))
@storage_option()
@as_json_option
def create(path: Path, storage: str, as_json: bool) -> None:
    """Begin an experiment, and print its id.

    The file is YAML, with name, parameters, optimizer, and if need be metrics, min_budget, max_budget, eta,
    n_iterations, parallel_bandwidth, lease, seed and metadata. An error names the line, and nothing is written.
    """
    with _created(path, storage) as experiment:
        if as_json:
            show_json({"id": experiment.id, "name": experiment.name})
        else:
            click.echo(experiment.id)


@click.command()
@click.argument("target", metavar=f"{_FILE}|ID")
@storage_option(required=False)
@as_json_option
def plan(target: str, storage: str | None, as_json: bool) -> None:
    """Show what an experiment executes: one of a file, or of a database.

    Of one that goes on for ever, this is the first iteration.
    """
    with _meant(target, storage) as experiment:
        asked = experiment.progress.n_iterations
        n_iterations = int(asked) if math.isfinite(asked) else 1
        planned = experiment.plan(n_iterations)
    if planned is None:
        raise click.ClickException("The optimizer of this experiment does not tell what it will execute.")
    if as_json:
        show_json(_as_plain(planned))
        return
    columns = [*_columns(planned)]
    show_table(columns, [[*map(figure, row)] for row in planned.rows])
    say(str(planned).splitlines()[-1].strip())


def _meant(target: str, storage: str | None) -> Experiment:
    path = Path(target)
    if path.suffix in (".yml", ".yaml") or path.is_file():
        return _created(path, MemoryLogs())
    if storage is None:
        raise click.UsageError(
            f"{target!r} is no file; for the id of an experiment, give --storage or {STORAGE_VARIABLE}."
        )
    return Experiment.open(storage, target)


def _created(path: Path, storage: SharedLogs | str) -> Experiment:
    """An experiment of that file; what is wrong names the line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgumentError(_FILE, str(path), f"cannot be read ({error})", "give a file of YAML") from error
    described = read_experiment(text, str(path))
    try:
        return Experiment.create(storage, **described.arguments)
    except InvalidArgumentError as error:
        if error.parameter == "storage":
            raise
        raise described.located(error) from error


def _columns(planned: Plan | BudgetPlan) -> tuple[str, ...]:
    if isinstance(planned, Plan):
        return ("iteration", "rung", "configurations", "budget", "total")
    return ("iteration", "total")


def _as_plain(planned: Plan | BudgetPlan) -> dict[str, Any]:
    columns = _columns(planned)
    rows = [dict(zip(columns, row, strict=True)) for row in planned.rows]
    return {"rows": rows, "runs": planned.num_runs, "total_budget": planned.total_budget}
