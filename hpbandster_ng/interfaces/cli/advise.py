"""Which budgets to take, by what a short run tells."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np

from hpbandster_ng.analysis.advice import Advice, advise
from hpbandster_ng.core.result import Result, logged_results_to_HBS_result
from hpbandster_ng.engine.schedule import budget_text
from hpbandster_ng.interfaces.cli.options import as_json_option, experiment_argument, result_of, storage_option
from hpbandster_ng.interfaces.cli.tables import say, show_json, show_table

__all__ = ["advise_on_budgets"]

_CHOICES_SHOWN = 5

_SEED = 0
"""The same run gives the same advice."""


@click.command("advise")
@experiment_argument(required=False)
@storage_option(required=False, has_runs=True)
@click.option(
    "--result",
    "path",
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="A results.pkl, or a folder with results.json.",
)
@as_json_option
def advise_on_budgets(experiment: str | None, storage: str | None, path: Path | None, as_json: bool) -> None:
    """Recommend min_budget and eta, by how well small budgets tell the ranking on the largest in a run.

    BudgetProbe makes the run that tells most: each of a dozen configurations on every budget.
    """
    if path is not None:
        result = logged_results_to_HBS_result(path) if path.is_dir() else Result.from_pickle(path)
    elif storage is not None:
        result = result_of(storage, experiment)
    else:
        raise click.UsageError("give --storage URL, where the run is kept, or --result PATH, where its result is.")
    advice = advise(result.get_all_runs(), np.random.default_rng(_SEED))
    if as_json:
        show_json(asdict(advice))
        return
    rows = (
        [
            budget_text(each.budget),
            each.num_configs,
            *_correlation(each.correlation, each.low, each.high),
            f"{each.cost:.3g}",
        ]
        for each in advice.budgets
    )
    show_table(("budget", "configurations", "rank correlation", "95 % interval", "cost"), rows)
    if advice.is_of_survivors:
        say("Only survivors were run on larger budgets: the correlations are theirs, and lower than among all.")
    say("")
    choices = (
        [budget_text(each.min_budget), each.eta, f"{each.speed:.2f}"] for each in advice.choices[:_CHOICES_SHOWN]
    )
    show_table(("min_budget", "eta", "speed"), choices)
    say("")
    say(_verdict(advice))


def _correlation(correlation: float, low: float, high: float) -> tuple[str, str]:
    if math.isnan(correlation):
        return "?", "too few configurations"
    return f"{correlation:.2f}", f"{low:.2f} to {high:.2f}"


def _verdict(advice: Advice) -> str:
    best = advice.best
    if best.min_budget == advice.max_budget:
        return (
            "No smaller budget is known to be worth its cost: evaluate on the largest alone (GPBO), let a model find "
            "out in the run (FreezeThaw), or let a BudgetProbe run more configurations."
        )
    smallest, largest = budget_text(best.min_budget), budget_text(advice.max_budget)
    return (
        f"Take min_budget={smallest}, max_budget={largest}, eta={best.eta}: for the cost of one full evaluation, "
        f"Hyperband finds as much as {best.speed:.1f} of random configurations do."
    )
