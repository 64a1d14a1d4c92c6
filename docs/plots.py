"""Draws the pictures of the page on plots, from a simulated run: the same ones in every build."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import ConfigSpace
import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt

from hpbandster_ng import visualization
from hpbandster_ng.analysis.timeline import timeline_of_events
from hpbandster_ng.core.result import Result
from hpbandster_ng.engine.events import Event
from hpbandster_ng.optimizers import BOHB
from hpbandster_ng.simulator import Workload, simulate

MINUTE = 60.0


class Network:
    """A loss like that of a small network; ``seed`` does nothing."""

    min_budget, max_budget = 1, 27

    def configspace(self, seed: int) -> Any:
        space = {
            "learning_rate": ConfigSpace.Float("learning_rate", (1e-5, 1.0), log=True),
            "optimizer": ["adam", "sgd"],
            "dropout": (0.0, 0.8),
            "layers": (1, 6),
            "seed": (0, 1000),
        }
        return ConfigSpace.ConfigurationSpace(seed=seed, space=space)

    def __call__(self, config: dict[str, Any], budget: float) -> tuple[float, float]:
        best = -3.0 if config["optimizer"] == "adam" else -1.5
        rate = math.log10(config["learning_rate"]) - best
        loss = 0.05 + 0.04 * rate**2 + 0.3 * config["dropout"] ** 2 + 0.01 * abs(config["layers"] - 4)
        noise = 0.02 * math.sin(997.0 * config["seed"])
        return loss + (0.3 + noise) / math.sqrt(budget), MINUTE * budget


def run() -> tuple[Result, list[Event]]:
    events: list[Event] = []
    workload = Workload(straggling=0.3, crashes=0.002, repair=10.0, speeds=(1, 1, 1, 0.5))
    quiet = logging.getLogger("plots")
    quiet.setLevel(logging.CRITICAL)  # Sphinx would print it all
    settings = {"workload": workload, "observers": [events.append], "logger": quiet}
    result = simulate(BOHB, Network(), 4, 4800, seed=3, **settings)
    return result, events


def draw_all(folder: Path) -> None:
    """Write every picture as an SVG and as a PNG file."""
    folder.mkdir(parents=True, exist_ok=True)
    result, events = run()
    runs, id2config, space = result.get_all_runs(), result.get_id2config_mapping(), Network().configspace(0)
    timeline = timeline_of_events(events, result.HB_config["time_ref"])
    pictures = {
        "losses_over_time": visualization.losses_over_time(runs),
        "worker_timeline": visualization.worker_timeline(runs, timeline),
        "rung_survival": visualization.rung_survival([run for run in runs if run.config_id[0] < 8]),
        "correlation_across_budgets": visualization.correlation_across_budgets(result),
        "model_vs_random": visualization.performance_histogram_model_vs_random(
            [run for run in runs if run.budget < 9], id2config
        ),
        "parallel_coordinates": visualization.parallel_coordinates(result, space),
        "parameter_importance": visualization.parameter_importance(result, space),
    }
    for name, (figure, _) in pictures.items():
        for suffix in ("svg", "png"):
            figure.savefig(folder / f"{name}.{suffix}", facecolor="white")
        plt.close(figure)
