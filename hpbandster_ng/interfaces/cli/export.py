"""``hpbandster-ng export``: everything that was observed, for other programs."""

from __future__ import annotations

import csv
import io
import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from hpbandster_ng.core.result import Result
from hpbandster_ng.core.run import Run
from hpbandster_ng.errors import StorageError
from hpbandster_ng.experiments import Experiment
from hpbandster_ng.interfaces.cli.options import experiment_argument, storage_option
from hpbandster_ng.interfaces.cli.tables import as_json

__all__ = ["export"]

_Row = dict[str, Any]


@click.command()
@experiment_argument()
@click.option("--format", "kind", type=click.Choice(["csv", "json", "pickle"]), default="csv", show_default=True)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="In place of stdout.")
@storage_option()
def export(experiment: str, kind: str, output: Path | None, storage: str) -> None:
    """Write what was observed, an evaluation a row.

    Columns of csv are config_id, budget, outcome, param.NAME, metric.NAME, info, metadata, error, and started and
    finished in seconds from the start of the experiment. A pickle holds a Result, which Result.from_pickle reads.
    """
    with Experiment.open(storage, experiment) as opened:
        result = opened.result()
    content = _FORMATS[kind](result)
    if output is None:
        click.echo(content, nl=False)
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise StorageError(f"{output} cannot be written ({error}); choose another --output") from error


def rows_of(result: Result) -> list[_Row]:
    """A row an evaluation, in the order of their ends; metrics are as they were observed."""
    runs = sorted(result.get_all_runs(), key=lambda run: run.time_stamps.get("finished", 0.0))
    return [_row(result, run) for run in runs]


def _row(result: Result, run: Run) -> _Row:
    datum = result.data[run.config_id]
    told: Mapping[str, Any] = datum.results.get(run.budget) or {}
    return {
        "config_id": run.config_id,
        "budget": run.budget,
        "outcome": run.outcome.value,
        "params": dict(datum.config),
        "metrics": told.get("metrics", {}),
        "info": told.get("info"),
        "metadata": told.get("metadata", {}),
        "error": run.error_logs,
        "started": run.time_stamps.get("started"),
        "finished": run.time_stamps.get("finished"),
    }


def _as_csv(result: Result) -> bytes:
    """A column a value; what is no number or text is JSON."""
    rows = [*map(_flat, rows_of(result))]
    params, metrics = (
        sorted({column for row in rows for column in row if column.startswith(prefix)})
        for prefix in ("param.", "metric.")
    )
    columns = ["config_id", "budget", "outcome", *params, *metrics, "info", "metadata", "error", "started", "finished"]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(errors="backslashreplace")


def _flat(row: _Row) -> _Row:
    flat = {name: value for name, value in row.items() if name not in ("params", "metrics")}
    flat["config_id"] = "_".join(map(str, row["config_id"]))
    for name in ("info", "metadata"):
        flat[name] = json.dumps(json.loads(as_json(row[name]))) if row[name] else ""
    flat |= {f"param.{name}": value for name, value in row["params"].items()}
    return flat | {f"metric.{name}": value for name, value in row["metrics"].items()}


def _as_json(result: Result) -> bytes:
    return f"{as_json(rows_of(result))}\n".encode()


def _as_pickle(result: Result) -> bytes:
    return pickle.dumps(result)


_FORMATS: Mapping[str, Callable[[Result], bytes]] = {
    "csv": _as_csv,
    "json": _as_json,
    "pickle": _as_pickle,
}
