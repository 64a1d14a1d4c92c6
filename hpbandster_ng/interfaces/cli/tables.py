"""What commands print: tables for people, one JSON document for programs."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

__all__ = ["as_json", "figure", "in_a_line", "say", "show_fields", "show_json", "show_table"]

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""All but tabs and ends of lines; what turns the direction of a text; and what is no text at all."""

_UNFOLDED = 100_000
"""Columns of what is no terminal: who reads a pipe wants a row a line, whole."""


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table: folded to the width of a terminal; elsewhere a row a line. Without names, columns have no head."""
    table = Table(box=None, pad_edge=False, show_header=any(columns))
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*(_text(cell) for cell in row))
    _show(table)


def show_fields(fields: Mapping[str, object]) -> None:
    """Print names and values, a line each."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in fields.items():
        table.add_row(name, _text(value))
    _show(table)


def say(text: str) -> None:
    """Print a sentence."""
    _show(_text(text))


def show_json(document: Any) -> None:
    """Print one JSON document; see :func:`as_json`."""
    click.echo(as_json(document))


def as_json(document: Any) -> str:
    """Plain Python as JSON: infinities and NaN are null, tuples and sets are lists.

    Example:
        >>> print(as_json({"n_iterations": float("inf"), "config_id": (0, 0, 1)}))
        {
          "n_iterations": null,
          "config_id": [
            0,
            0,
            1
          ]
        }
    """
    return json.dumps(_jsonable(document), indent=2, default=repr)


def in_a_line(document: Any) -> str:
    """Plain Python as JSON for people, who read letters of all languages; the table escapes what is none.

    Example:
        >>> print(in_a_line({"größe": 1}))
        {"größe": 1}
    """
    return json.dumps(document, ensure_ascii=False, default=repr)


def figure(value: float) -> str:
    """A number for people."""
    return f"{value:.6g}"


def _text(value: object) -> Text:
    """Names of files, and what other programs say, may hold characters that would do something to a terminal."""
    return Text(_CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), str(value)))


def _show(content: RenderableType) -> None:
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _UNFOLDED, highlight=False)
    if sys.stdout.isatty():
        console.print(content)
        return
    with console.capture() as captured:
        console.print(content)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_jsonable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
