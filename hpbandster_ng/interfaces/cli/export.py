"""``hpbandster-ng export``: everything that was observed, for other programs."""

from __future__ import annotations

import csv
import io
import json
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from hpbandster_ng.core.result import Result
from hpbandster_ng.core.result_tables import run_columns, run_rows
from hpbandster_ng.core.run import Run
from hpbandster_ng.errors import MissingExtraError, StorageError
from hpbandster_ng.interfaces.cli.options import experiment_argument, result_of, storage_option
from hpbandster_ng.interfaces.cli.tables import as_json
from hpbandster_ng.storage.files import replace_file

__all__ = ["export"]

_WHOLE = ("info", "metadata")
"""Columns that hold a structure, where there is one."""

_LARGEST_INTEGER = 2**63


@click.command()
@experiment_argument(required=False)
@click.option(
    "--format", "kind", type=click.Choice(["csv", "json", "parquet", "pickle"]), default="csv", show_default=True
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="In place of stdout.")
@storage_option(has_runs=True)
def export(experiment: str | None, kind: str, output: Path | None, storage: str) -> None:
    """Write what was observed, an evaluation a row, in the order of their ends.

    ID is of an experiment, or the run_id of a run. journal:DIRECTORY, and a database that holds but one, need none.

    Columns are those of Result.to_pandas: iteration, stage and index of the configuration, budget, loss, outcome, ...,
    config.NAME, metric.NAME and info.NAME; and info and metadata as a whole. A pickle holds a Result, which
    Result.from_pickle reads.
    """
    content = _FORMATS[kind](result_of(storage, experiment))
    if output is None:
        click.echo(content, nl=False)
        return
    try:
        replace_file(output, content)
    except OSError as error:
        raise StorageError(f"{output} cannot be written ({error}); choose another --output") from error


def rows_of(result: Result) -> list[dict[str, Any]]:
    """A row an evaluation, in the order of their ends; metrics are as they were observed."""
    runs = sorted(result.get_all_runs(), key=lambda run: run.time_stamps.get("finished", 0.0))
    rows = run_rows(runs, result.data)
    return [row | _whole(result, run) for row, run in zip(rows, runs, strict=True)]


def _whole(result: Result, run: Run) -> dict[str, Any]:
    told = result.data[run.config_id].results.get(run.budget) or {}
    return {name: told[name] for name in _WHOLE if told.get(name)}


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: json.dumps(json.loads(as_json(value))) if name in _WHOLE else value for name, value in row.items()}


def _as_csv(result: Result) -> bytes:
    """A column a value; what is no number or text is JSON."""
    rows = [*map(_flat, rows_of(result))]
    text = io.StringIO()
    writer = csv.DictWriter(text, [*run_columns(rows), *_WHOLE], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(errors="backslashreplace")


def _as_json(result: Result) -> bytes:
    return f"{as_json(rows_of(result))}\n".encode()


def _as_parquet(result: Result) -> bytes:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow import parquet  # noqa: PLC0415 - as above
    except ImportError as error:
        raise MissingExtraError("--format parquet", "pyarrow", "parquet") from error
    rows = [*map(_flat, rows_of(result))]
    columns = {name: _of_one_type([row.get(name) for row in rows]) for name in (*run_columns(rows), *_WHOLE)}
    file = io.BytesIO()
    parquet.write_table(pa.table(columns), file)
    return file.getvalue()


def _of_one_type(values: Sequence[Any]) -> list[Any]:
    """A column as Parquet has it: of numbers, of texts or of truth values; one that mixes them is of texts.

    Example:
        >>> _of_one_type([1, 0.5, None]), _of_one_type([1, "1", None]), _of_one_type([2**70])
        ([1.0, 0.5, None], ['1', '1', None], ['1180591620717411303424'])
    """
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        return [value if value is None else float(value) for value in values]
    is_wide = kinds == {int} and any(value is not None and abs(value) >= _LARGEST_INTEGER for value in values)
    if len(kinds) > 1 or is_wide or not kinds <= {bool, int, float, str}:
        return [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    return list(values)


def _as_pickle(result: Result) -> bytes:
    return pickle.dumps(result)


_FORMATS: Mapping[str, Callable[[Result], bytes]] = {
    "csv": _as_csv,
    "json": _as_json,
    "parquet": _as_parquet,
    "pickle": _as_pickle,
}
