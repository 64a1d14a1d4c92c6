"""What the interactive plot tells about a configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hpbandster_ng.core.result import Result
from hpbandster_ng.core.run import ConfigId, Run, budget_text

__all__ = ["default_tool_tips"]

_WIDTH = 60


def default_tool_tips(
    result_object: Result, learning_curves: Iterable[ConfigId], include_run_info: bool = False
) -> dict[ConfigId, str]:
    """A text for each configuration: its values, how it was picked, and what came of each run.

    Args:
        result_object: the result of a run.
        learning_curves: ``result.get_learning_curves()``, or the configurations that need a text.
        include_run_info: add what ``compute`` returned as ``info``.

    Raises:
        InvalidArgumentError: a configuration is not in the result.

    Example:
        >>> from hpbandster_ng.core.base_iteration import Datum
        >>> stamps = {"submitted": 1.0, "started": 2.0, "finished": 4.5}
        >>> datum = Datum({"x": 0.5}, {"model_based_pick": True}, {9: {"loss": 0.25, "info": {}}}, {9: stamps})
        >>> print(default_tool_tips(Result({(0, 0, 3): datum}, {}), [(0, 0, 3)])[0, 0, 3])
        configuration (0, 0, 3)
          x: 0.5
        pick
          model_based_pick: True
        runs
          budget 9: loss 0.25, 2.5 s
    """
    return {config_id: _text(result_object, config_id, include_run_info) for config_id in learning_curves}


def _text(result: Result, config_id: ConfigId, include_run_info: bool) -> str:
    runs = result.get_runs_by_id(config_id)
    datum = result[config_id]
    lines = [f"configuration {config_id}", *_items(datum.config)]
    if datum.config_info:
        lines += ["pick", *_items(datum.config_info)]
    if runs:
        lines.append("runs")
    for run in runs:
        lines.append(f"  budget {budget_text(run.budget)}: {_outcome(run)}")
        if include_run_info and run.info is not None:
            lines += _items(run.info, indent=4) if isinstance(run.info, Mapping) else [_short(f"    {run.info}")]
    return "\n".join(lines)


def _items(values: Mapping[str, Any], indent: int = 2) -> list[str]:
    return [_short(f"{' ' * indent}{name}: {_value(value)}") for name, value in values.items()]


def _value(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _outcome(run: Run) -> str:
    outcome = f"loss {run.loss:.6g}" if run.loss is not None else run.outcome.value
    if "started" not in run.time_stamps:
        return outcome
    return f"{outcome}, {run.time_stamps['finished'] - run.time_stamps['started']:.3g} s"


def _short(line: str) -> str:
    line = line.replace("\n", " ")
    return line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "..."
