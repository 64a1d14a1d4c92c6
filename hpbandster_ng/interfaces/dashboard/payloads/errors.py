"""Why runs failed, and how often for the same reason."""

from __future__ import annotations

import re
from typing import Any

from hpbandster_ng.interfaces.dashboard.columns import STATES
from hpbandster_ng.interfaces.dashboard.payloads import shown
from hpbandster_ng.interfaces.dashboard.view import RunView

__all__ = ["errors"]

_MOST_GROUPS = 50
_MOST_EXAMPLES = 8
_LONGEST_TRACEBACK = 8000

_VARYING = re.compile(r"0x[0-9a-fA-F]+|\d+(\.\d+)?([eE][-+]?\d+)?|'[^']*'|\"[^\"]*\"")
"""What may differ between two errors of the same kind: addresses, numbers, names in quotes."""


def errors(view: RunView) -> dict[str, Any]:
    """The runs without a loss in groups, the largest first: what ended them, and the last line of their errors."""
    groups: dict[tuple[int, str], list[int]] = {}
    for run, error in view.errors.items():
        groups.setdefault((view.runs.state[run], _kind(error)), []).append(run)
    ranked = sorted(groups.items(), key=lambda group: -len(group[1]))
    return {
        "num_errors": len(view.errors),
        "num_groups": len(groups),
        "groups": [_group(view, state, runs) for (state, _), runs in ranked[:_MOST_GROUPS]],
    }


def _kind(error: str) -> str:
    return _VARYING.sub("·", _last_line(error))


def _last_line(error: str) -> str:
    return error.rstrip().rpartition("\n")[2][:500]


def _group(view: RunView, state: int, runs: list[int]) -> dict[str, Any]:
    last = max(runs, key=lambda run: view.runs.finished[run])
    traceback = view.errors[last].rstrip()
    if len(traceback) > _LONGEST_TRACEBACK:
        half = _LONGEST_TRACEBACK // 2
        traceback = f"{traceback[:half]}\n…\n{traceback[-half:]}"
    return {
        "state": STATES[state],
        "summary": shown.text(_last_line(view.errors[last]), 300),
        "count": len(runs),
        "first_at": shown.number(min(view.runs.finished[run] for run in runs) - view.began, 9),
        "last_at": shown.number(view.runs.finished[last] - view.began, 9),
        "traceback": traceback,
        "examples": [
            [
                shown.id_of(view.configurations[view.runs.config[run]].config_id),
                view.runs.budget[run],
            ]
            for run in runs[-_MOST_EXAMPLES:]
        ],
    }
