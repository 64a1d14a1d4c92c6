"""The pictures, drawn by Plotly: the legend shows and hides, the mouse tells what is under it, and drags zoom.

Each function gets what is to be drawn as numbers, and returns a ``plotly.graph_objects.Figure``.
"""

from __future__ import annotations

from hpbandster_ng.errors import MissingExtraError

try:
    import plotly.graph_objects as _  # noqa: F401 - whether it is there
except ImportError as error:
    raise MissingExtraError('backend="plotly"', "plotly", "plotly") from error

from hpbandster_ng.visualization.plotly.budgets import (
    correlation_across_budgets,
    performance_histogram_model_vs_random,
    rung_survival,
)
from hpbandster_ng.visualization.plotly.configurations import (
    interactive_HBS_plot,
    parallel_coordinates,
    parameter_importance,
)
from hpbandster_ng.visualization.plotly.times import (
    concurrent_runs_over_time,
    finished_runs_over_time,
    losses_over_time,
    worker_timeline,
)

__all__ = [
    "concurrent_runs_over_time",
    "correlation_across_budgets",
    "finished_runs_over_time",
    "interactive_HBS_plot",
    "losses_over_time",
    "parallel_coordinates",
    "parameter_importance",
    "performance_histogram_model_vs_random",
    "rung_survival",
    "worker_timeline",
]
