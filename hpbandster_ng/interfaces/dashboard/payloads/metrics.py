"""A run as metrics in the text format of Prometheus, version 0.0.4."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from hpbandster_ng.interfaces.dashboard.columns import STATES, State
from hpbandster_ng.interfaces.dashboard.payloads.overview import state_of
from hpbandster_ng.interfaces.dashboard.view import RunView

__all__ = ["Sample", "metrics", "samples_of"]

Sample = tuple[str, dict[str, str], float]

_HELP = {
    "hpbandster_runs": "Runs by what has become of them.",
    "hpbandster_configurations": "Configurations that have entered the run.",
    "hpbandster_iterations": "Iterations that have begun.",
    "hpbandster_workers": "Workers that are here, by whether they compute.",
    "hpbandster_budget_spent": "The sum of the budgets of all runs that have ended.",
    "hpbandster_incumbent_loss": "Loss of the incumbent.",
    "hpbandster_incumbent_budget": "Budget of the incumbent.",
    "hpbandster_last_event_timestamp_seconds": "When the last event was recorded, in unix seconds.",
    "hpbandster_is_running": "Whether something is computed now.",
}


def metrics(samples: Iterable[Sample]) -> str:
    r"""Samples as text.

    Example:
        >>> print(*metrics(samples_of('a "b"', RunView(), 0.0)).splitlines()[-3:], sep="\n")
        # HELP hpbandster_is_running Whether something is computed now.
        # TYPE hpbandster_is_running gauge
        hpbandster_is_running{run_id="a \"b\""} 0
    """
    by_name: dict[str, list[str]] = {name: [] for name in _HELP}
    for name, labels, value in samples:
        by_name[name].append(f"{name}{_labels(labels)} {_number(value)}")
    lines = []
    for name, told in _HELP.items():
        lines += [f"# HELP {name} {told}", f"# TYPE {name} gauge", *by_name[name]]
    return "\n".join(lines) + "\n"


def samples_of(name: str, view: RunView, now: float) -> list[Sample]:
    """The gauges of a run.

    Args:
        name: of the run.
        now: unix seconds.
    """
    run = {"run_id": name}
    here = [worker.num_running > 0 for worker in view.workers if worker.is_here]
    states = range(State.QUEUED, State.CANCELLED + 1)
    samples: list[Sample] = [
        *(("hpbandster_runs", {**run, "state": STATES[state]}, view.counts[state]) for state in states),
        ("hpbandster_configurations", run, len(view.configurations)),
        ("hpbandster_iterations", run, len(view.iterations)),
        ("hpbandster_workers", {**run, "state": "busy"}, sum(here)),
        ("hpbandster_workers", {**run, "state": "idle"}, len(here) - sum(here)),
        ("hpbandster_budget_spent", run, view.spent),
        ("hpbandster_is_running", run, state_of(view, now)[0] == "running"),
    ]
    if view.incumbents:
        samples.append(("hpbandster_incumbent_loss", run, view.incumbents[-1].loss))
        samples.append(("hpbandster_incumbent_budget", run, view.incumbents[-1].budget))
    if view.last_at is not None:
        samples.append(("hpbandster_last_event_timestamp_seconds", run, view.last_at))
    return samples


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return f"{value:.15g}" if math.isfinite(value) else "NaN"
