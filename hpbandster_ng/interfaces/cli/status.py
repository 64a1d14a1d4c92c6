"""Where an experiment or a run stands, and why nothing seems to happen."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click

from hpbandster_ng.analysis.standing import Standing
from hpbandster_ng.engine.events import Event
from hpbandster_ng.engine.records import ConfigId
from hpbandster_ng.engine.schedule import budget_text
from hpbandster_ng.errors import LogError
from hpbandster_ng.experiments import Best, Experiment, Metric
from hpbandster_ng.interfaces.cli.options import (
    as_json_option,
    experiment_argument,
    log_of_run,
    storage_option,
    which,
)
from hpbandster_ng.interfaces.cli.tables import figure, in_a_line, say, show_fields, show_json, show_table
from hpbandster_ng.terminal import answers

__all__ = ["status"]


@dataclass
class _Shown:
    """What is known of an experiment or a run.

    Attributes:
        events: its log.
        experiment: None for a run of a master; closed already.
        details: of an experiment, for programs.
        fields: of an experiment, for people.
        front: configurations that no other one dominates, if several metrics are optimised.
    """

    events: Sequence[Event]
    experiment: Experiment | None = None
    details: dict[str, Any] | None = None
    fields: dict[str, str] | None = None
    front: Sequence[Best] = ()


@click.command()
@experiment_argument(required=False)
@click.option("--config", "config_name", metavar="I_S_N", help="What became of one configuration, such as 0_0_3.")
@storage_option(has_runs=True)
@as_json_option
def status(experiment: str | None, config_name: str | None, storage: str, as_json: bool) -> None:
    """Show how far an experiment or a run is, what is best so far, whom it waits for, and why, if nothing runs.

    ID is of an experiment, or the run_id of a run. journal:DIRECTORY, and a database that holds but one, need none.
    """
    config_id = None if config_name is None else _config_id(config_name)
    shown = _found(storage, experiment)
    if config_id is not None:
        _tell_story(shown.events, config_id, as_json)
        return
    standing = Standing()
    for event in shown.events:
        standing.handle(event)
    if as_json:
        show_json((shown.details or {"run_id": standing.run_id}) | _as_plain(standing, shown))
    else:
        _show(standing, shown)


def _found(storage: str, identity: str | None) -> _Shown:
    chosen, is_run = which(storage, identity)
    return _Shown(log_of_run(storage, chosen)) if is_run else _of_experiment(storage, chosen)


def _of_experiment(storage: str, identity: str) -> _Shown:
    with Experiment.open(storage, identity) as opened:
        events = [event for record in opened.records() for event in record.events]
        progress, best, front = opened.progress, opened.best(), opened.pareto_front()
    metrics: tuple[Metric, ...] = opened.metrics.all
    has_front = len(opened.metrics.optimised) > 1
    details = {
        "id": opened.id,
        "name": opened.name,
        "progress": asdict(progress),
        "metrics": [asdict(metric) for metric in metrics],
        "parallel_bandwidth": opened.parallel_bandwidth,
        "metadata": opened.metadata,
        "best": None if best is None else asdict(best),
    } | ({"pareto_front": [asdict(each) for each in front]} if has_front else {})
    fields = {"metrics": "; ".join(map(_described, metrics))}
    fields |= {"metadata": in_a_line(opened.metadata)} if opened.metadata else {}
    fields |= {"best": "nothing yet"} if best is None else _of_best(best)
    return _Shown(events, opened, details, fields, front if has_front else ())


def _as_plain(standing: Standing, shown: _Shown) -> dict[str, Any]:
    now = time.time()
    return {
        "state": answers.state(standing, now, is_shared=shown.experiment is not None),
        "runs": {
            **{state.value: count for state, count in standing.ended.items()},
            "running": len(standing.running),
            "queued": len(standing.queued),
        },
        "workers": sorted(standing.workers),
        "waits_for": [
            {"config_id": start.config_id, "budget": start.budget, "worker": start.worker, "seconds": now - start.at}
            for start in standing.running.values()
        ],
        "picks": answers.picks(shown.events),
    }


def _show(standing: Standing, shown: _Shown) -> None:
    now = time.time()
    experiment = shown.experiment
    fields = {"run": str(standing.run_id)} if experiment is None else {"id": experiment.id, "name": experiment.name}
    fields["state"] = answers.state(standing, now, is_shared=experiment is not None)
    fields["iterations"] = answers.iterations(standing)
    fields["runs"] = answers.runs(standing)
    if experiment is None:
        fields["workers"] = ", ".join(sorted(standing.workers)) or "none"
        fields["best"] = answers.incumbent(standing)
        if standing.incumbent is not None:
            fields["with"] = in_a_line(standing.incumbent.job.config)
    fields |= shown.fields or {}
    fields["picks"] = "\n".join(answers.picks(shown.events))
    show_fields(fields)
    if rows := answers.awaited(standing, now):
        say("\nIt waits for:")
        show_table(("configuration", "budget", "worker", "since", ""), rows)
    if standing.queued:
        say("\nRungs with something left to do:")
        show_table(("iteration", "budget", "ended", "running", "queued"), answers.rungs(standing))
    if shown.front:
        say("\nNo other configuration is better in every metric than one of these:")
        rows_of_front = ([*map(figure, each.metrics.values()), in_a_line(each.config)] for each in shown.front)
        show_table((*shown.front[0].metrics, "configuration"), rows_of_front)


def _tell_story(events: Sequence[Event], config_id: ConfigId, as_json: bool) -> None:
    told = answers.story(events, config_id)
    if not told:
        name = answers.config_name(config_id)
        raise LogError(f"there is no configuration {name} here; the directories of the run, config_..., bear the names")
    if as_json:
        show_json([{"at": at, "what": what} for at, what in told])
    else:
        show_table(("", ""), [(time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)), what) for at, what in told])


def _config_id(name: str) -> ConfigId:
    if not re.fullmatch(r"-?\d+_\d+_\d+", name):
        raise click.UsageError(f"--config {name!r} must be three whole numbers, such as 0_0_3.")
    iteration, stage, index = map(int, name.split("_"))
    return iteration, stage, index


def _described(metric: Metric) -> str:
    bound = "" if metric.threshold is None else f", threshold {figure(metric.threshold)}"
    return f"{metric.name} ({metric.strategy}, {metric.objective}{bound})"


def _of_best(best: Best) -> dict[str, str]:
    values = ", ".join(f"{name} {figure(value)}" for name, value in best.metrics.items())
    return {"best": values, "on budget": budget_text(best.budget), "with": in_a_line(best.config)}
