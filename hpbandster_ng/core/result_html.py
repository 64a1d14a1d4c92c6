"""A result as a piece of HTML, for notebooks.

No script and nothing from elsewhere: it can be shown, saved and sent as it is. What comes from users is escaped. The
colours are those of the page, whether it is light or dark.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hpbandster_ng.core.run import ConfigId, Run
from hpbandster_ng.engine.records import Config
from hpbandster_ng.engine.schedule import budget_text

__all__ = ["Incumbent", "result_html", "summary"]

_WIDTH, _HEIGHT = 320, 72
_MOST_ROWS = 30
_LONGEST = 80
"""Characters of a value."""

_CELL = "text-align:left;padding:0.1em 1em 0.1em 0;vertical-align:top"
_NUMBER = "text-align:right;padding:0.1em 1em 0.1em 0"


@dataclass(frozen=True)
class Incumbent:
    """The best configuration, and how its loss came down.

    Attributes:
        name: what it is: the incumbent, or what is recommended while there is none.
        times, losses: the changes of the incumbent, in seconds; empty while there is none.
    """

    name: str
    config_id: ConfigId
    config: Config
    times: Sequence[float]
    losses: Sequence[float]


def result_html(runs: Sequence[Run], num_configs: int, incumbent: Incumbent | None) -> str:
    """The work of ``Result._repr_html_``.

    Args:
        runs: all of the result.
        num_configs: how many configurations it has.
        incumbent: None if there is none yet.
    """
    parts = [f"<p><strong>Result</strong>: {summary(runs, num_configs)}</p>"]
    if runs:
        parts.append(_budgets(runs))
    if incumbent is not None:
        parts += [_curve(incumbent) if incumbent.times else "", _configuration(incumbent)]
    return f'<div style="font-size:90%">{"".join(parts)}</div>'


def summary(runs: Sequence[Run], num_configs: int) -> str:
    """How much there is in a result, in a line of text."""
    told = f"{_counted(num_configs, 'configuration')}, {_counted(len(runs), 'run')}"
    ends = [run.time_stamps["finished"] for run in runs if "finished" in run.time_stamps]
    return f"{told} in {_duration(max(ends))}" if ends and max(ends) > 0 else told


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _duration(seconds: float) -> str:
    """In the two largest units."""
    for unit, size, smaller, part in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} {int(seconds % size // part)} {smaller}"
    return f"{seconds:.3g} s"


def _budgets(runs: Sequence[Run]) -> str:
    by_budget: dict[float, list[Run]] = {}
    for run in runs:
        by_budget.setdefault(run.budget, []).append(run)
    rows = []
    for budget, each in sorted(by_budget.items())[-_MOST_ROWS:]:
        losses = [run.loss for run in each if run.loss is not None and run.is_success]
        best = f"{min(losses):.6g}" if losses else "-"
        rows.append([budget_text(budget), f"{len(each):,}", f"{len(each) - len(losses):,}", best])
    return _table(["budget", "runs", "failed", "lowest loss"], rows, _NUMBER)


def _configuration(incumbent: Incumbent) -> str:
    rows = [[_text(name), _text(value)] for name, value in list(incumbent.config.items())[:_MOST_ROWS]]
    return f"<p>{incumbent.name} {_text(incumbent.config_id)}</p>{_table([], rows, _CELL)}"


def _text(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return html.escape(text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "...")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], style: str) -> str:
    lines = [_row("th", head, style)] if head else []
    lines += [_row("td", row, style) for row in rows]
    return (
        '<table style="border-collapse:collapse;margin:0.4em 0;color:inherit;font-size:inherit">'
        + "".join(lines)
        + "</table>"
    )


def _row(tag: str, cells: Sequence[str], style: str) -> str:
    written = [f'<{tag} style="{style}">{cell}</{tag}>' for cell in cells]
    return f"<tr>{''.join(written)}</tr>"


def _curve(incumbent: Incumbent) -> str:
    """The incumbent's loss over time, as steps."""
    times, losses = incumbent.times, incumbent.losses
    x = _placed(times, 4, _WIDTH - 4)
    y = _placed([-loss for loss in losses], 6, _HEIGHT - 6)
    path = f"M{x[0]:.1f} {y[0]:.1f}" + "".join(f"H{a:.1f}V{b:.1f}" for a, b in zip(x[1:], y[1:], strict=True))
    change = f"{losses[0]:.6g} to {losses[-1]:.6g}" if len({*losses}) > 1 else f"{losses[0]:.6g}"
    label = f"loss of the incumbent: {change} in {_duration(max(0.0, times[-1]))}"
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">'
        f"<title>{label}</title>"
        f'<path d="{path}" fill="none" stroke="currentColor" stroke-width="1.5"/>'
        f'<circle cx="{x[-1]:.1f}" cy="{y[-1]:.1f}" r="3" fill="currentColor"/></svg>'
        f'<div style="opacity:0.7">{label}</div>'
    )


def _placed(values: Sequence[float], low: float, high: float) -> list[float]:
    """Moved and stretched to the range; all equal ones to its middle."""
    least, most = min(values), max(values)
    size = (most / 2 - least / 2) * 2
    if not size:
        return [(low + high) / 2] * len(values)
    return [low + (high - low) * ((value - least) / size) for value in values]
