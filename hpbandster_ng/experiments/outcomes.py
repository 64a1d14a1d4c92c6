"""What came of an experiment: the best configurations, by the user's own metrics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hpbandster_ng.core.result import Result
from hpbandster_ng.engine.records import Config, ConfigId
from hpbandster_ng.experiments.metrics import Metrics

__all__ = ["Best", "best_of", "pareto_front"]


@dataclass(frozen=True)
class Best:
    """A configuration that stands out.

    Attributes:
        config: plain values by hyperparameter name.
        metrics: values of all metrics, as they were observed.
        budget: on which they were.
        config_id: of the configuration.

    Example:
        >>> import ConfigSpace
        >>> from hpbandster_ng.experiments import Experiment
        >>> from hpbandster_ng.optimizers import RandomSearch
        >>> from hpbandster_ng.storage.memory_logs import MemoryLogs
        >>> space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
        >>> settings = {"min_budget": 9, "max_budget": 9, "n_iterations": 2, "seed": 1}
        >>> experiment = Experiment.create(MemoryLogs(), "first", space, RandomSearch, **settings)
        >>> while (suggestion := experiment.suggest()) is not None:
        ...     experiment.observe(suggestion, loss=suggestion.config["x"])
        >>> best = experiment.best()
        >>> best.metrics["loss"] == best.config["x"], best.budget
        (True, 9)
        >>> experiment.close()
    """

    config: Config
    metrics: dict[str, float]
    budget: float
    config_id: ConfigId


def best_of(result: Result, metrics: Metrics) -> Best | None:
    """The best feasible configuration on the largest budget that has a feasible one; None if there is none."""
    candidates = _feasible_on_largest_budget(result, metrics)
    return min(candidates, key=lambda each: metrics.guide.as_loss(each.metrics[metrics.guide.name]), default=None)


def pareto_front(result: Result, metrics: Metrics) -> list[Best]:
    """Feasible configurations that no other one dominates, on the same budget; the best by the first metric first."""
    candidates = _feasible_on_largest_budget(result, metrics)
    return [candidates[place] for place in metrics.front([each.metrics for each in candidates])]


def _feasible_on_largest_budget(result: Result, metrics: Metrics) -> Sequence[Best]:
    found = list(_feasible(result, metrics))
    largest = max((each.budget for each in found), default=None)
    return [each for each in found if each.budget == largest]


def _feasible(result: Result, metrics: Metrics) -> Iterator[Best]:
    for config_id, datum in result.data.items():
        for budget, told in datum.results.items():
            values = (told or {}).get("metrics")
            if values is not None and metrics.is_feasible(values):
                yield Best(dict(datum.config), dict(values), budget, config_id)
