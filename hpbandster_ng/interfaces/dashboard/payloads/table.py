"""The table of configurations, a page of it, and all about one of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hpbandster_ng.engine.records import ConfigId
from hpbandster_ng.interfaces.dashboard.columns import STATES, RunColumns
from hpbandster_ng.interfaces.dashboard.payloads import filters, shown
from hpbandster_ng.interfaces.dashboard.view import RunView

__all__ = ["configuration", "parameter_names", "table"]

_MOST_ROWS = 200
_MOST_PARAMETERS = 60
_LONGEST_INFO = 20_000
_LONGEST_ERROR = 20_000


def table(
    view: RunView,
    sort: str = "loss",
    descending: bool = False,
    first: int = 0,
    count: int = 50,
    typed: str = "",
    hide_failed: bool = False,
) -> dict[str, Any]:
    """A page of the table.

    Args:
        sort: ``id``, ``loss``, ``budget``, ``state``, ``seconds``, ``picked_by``, or ``config.NAME``. By loss, who got
            to a larger budget comes first. Who has no value comes last.
        first, count: which rows.
        typed: see :func:`~hpbandster_ng.interfaces.dashboard.payloads.filters.parsed`.
        hide_failed: leave out configurations that failed on their largest budget.
    """
    columns = view.columns()
    latest = _latest(view, columns)
    rows = np.arange(len(latest))
    if hide_failed:
        rows = rows[~columns.is_fault[latest]]
    tests = filters.parsed(typed)
    if tests:
        rows = np.array([row for row in rows.tolist() if _passes(view, columns, latest, row, tests)], dtype=np.int64)
    ordered = _sorted(view, columns, latest, rows, sort, descending)
    page = ordered[max(0, first) :][: max(1, min(count, _MOST_ROWS))]
    return {
        "num_configurations": len(latest),
        "num_found": len(ordered),
        "first": max(0, first),
        "parameters": parameter_names(view),
        "rows": [_row(view, columns, int(latest[row]), row) for row in page],
    }


def parameter_names(view: RunView) -> list[str]:
    """Of the configurations; those of the search space first, in its order."""
    space = shown.settings_of(view).get("configspace")
    listed = space.get("hyperparameters", []) if isinstance(space, dict) else []
    names = dict.fromkeys(str(each["name"]) for each in listed if isinstance(each, dict) and "name" in each)
    for each in view.configurations[:100]:
        names |= dict.fromkeys(map(str, each.config))
    return list(names)[:_MOST_PARAMETERS]


def _latest(view: RunView, columns: RunColumns) -> shown.Whole:
    """The run of each configuration on the largest budget that it has come to."""
    order = np.argsort(columns.budget, kind="stable")
    latest = np.zeros(len(view.configurations), dtype=np.int64)
    latest[columns.config[order]] = order
    return latest


def _told(view: RunView, columns: RunColumns, run: int, number: int) -> dict[str, Any]:
    each = view.configurations[number]
    return {
        "id": shown.id_of(each.config_id),
        "iteration": each.config_id[0],
        "budget": float(columns.budget[run]),
        "loss": shown.number(float(columns.loss[run])),
        "state": STATES[columns.state[run]],
        "picked_by": shown.picked_by(each.info),
        "seconds": shown.number(float(columns.finished[run] - columns.started[run]), 4),
        "runs": len(each.runs),
    }


def _row(view: RunView, columns: RunColumns, run: int, number: int) -> dict[str, Any]:
    config = view.configurations[number].config
    return {**_told(view, columns, run, number), "config": shown.values(config)}


def _passes(
    view: RunView, columns: RunColumns, latest: shown.Whole, number: int, tests: Sequence[filters.Filter]
) -> bool:
    told = _told(view, columns, int(latest[number]), number)
    facts = filters.Facts(view.configurations[number].config, told)
    return all(test(facts) for test in tests)


def _sorted(
    view: RunView, columns: RunColumns, latest: shown.Whole, rows: shown.Whole, sort: str, descending: bool
) -> list[int]:
    runs = latest[rows]
    sign = -1.0 if descending else 1.0
    numbers = {
        "budget": columns.budget[runs],
        "state": columns.state[runs].astype(np.float64),
        "seconds": (columns.finished - columns.started)[runs],
    }
    if sort == "loss":
        loss, budget = sign * columns.loss[runs], -columns.budget[runs]
        return [int(row) for row in rows[np.lexsort((loss, budget, np.isnan(loss)))]]
    if sort in numbers:
        return [int(row) for row in rows[np.argsort(sign * numbers[sort], kind="stable")]]
    if sort.startswith("config.") or sort == "picked_by":
        return _sorted_by_values(view, rows, sort, descending)
    return [int(row) for row in (rows[::-1] if descending else rows)]


def _sorted_by_values(view: RunView, rows: shown.Whole, sort: str, descending: bool) -> list[int]:
    """Numbers before texts, and who has no value last."""
    name = sort.removeprefix("config.")

    def value_of(row: int) -> Any:
        each = view.configurations[row]
        return shown.picked_by(each.info) if sort == "picked_by" else each.config.get(name)

    valued = [(value_of(row), row) for row in rows.tolist()]
    numbers = [pair for pair in valued if isinstance(pair[0], int | float) and not math.isnan(pair[0])]
    texts = [(str(value), row) for value, row in valued if value is not None and not isinstance(value, int | float)]
    ordered: list[int] = []
    for part in (texts, numbers) if descending else (numbers, texts):
        ordered += [row for _, row in sorted(part, key=lambda pair: pair[0], reverse=descending)]
    there = set(ordered)
    return ordered + [row for row in rows.tolist() if row not in there]


def configuration(view: RunView, config_id: ConfigId) -> dict[str, Any] | None:
    """All about one, with its runs by ascending budget; None if there is no such one."""
    number = view.number_of(config_id)
    if number is None:
        return None
    each = view.configurations[number]
    runs = sorted(each.runs, key=lambda run: view.runs.budget[run])
    return {
        "id": shown.id_of(config_id),
        "iteration": config_id[0],
        "is_out": each.is_out,
        "config": shown.values(each.config),
        "info": {shown.text(name): shown.text(value, _LONGEST_INFO) for name, value in each.info.items()},
        "runs": [_run(view, run) for run in runs],
    }


def _run(view: RunView, run: int) -> dict[str, Any]:
    runs, attempts = view.runs, view.attempts
    error, info, attempt = view.errors.get(run), view.infos.get(run), runs.last_attempt[run]
    return {
        "budget": runs.budget[run],
        "loss": shown.number(runs.loss[run], 12),
        "state": STATES[runs.state[run]],
        "submitted": shown.number(runs.submitted[run] - view.began, 9),
        "started": shown.number(runs.started[run] - view.began, 9),
        "finished": shown.number(runs.finished[run] - view.began, 9),
        "worker": None if attempt < 0 else shown.text(view.workers[attempts.worker[attempt]].name),
        "attempts": 0 if attempt < 0 else attempts.number[attempt],
        "error": None if error is None else shown.text(error, _LONGEST_ERROR),
        "info": None if info is None else shown.text(info, _LONGEST_INFO),
    }
