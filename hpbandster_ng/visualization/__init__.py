"""Pictures of a run; they need the extra ``plot`` (matplotlib), which is imported when a picture is drawn.

Each function returns ``(figure, axes)`` of matplotlib, ready to be changed and saved; with ``show=True`` it opens a
window and waits for its end.
"""

from __future__ import annotations

from hpbandster_ng.visualization.correlation import correlation_across_budgets
from hpbandster_ng.visualization.interactive import interactive_HBS_plot
from hpbandster_ng.visualization.losses import losses_over_time
from hpbandster_ng.visualization.model_vs_random import performance_histogram_model_vs_random
from hpbandster_ng.visualization.progress import concurrent_runs_over_time, finished_runs_over_time
from hpbandster_ng.visualization.tool_tips import default_tool_tips

__all__ = [
    "concurrent_runs_over_time",
    "correlation_across_budgets",
    "default_tool_tips",
    "finished_runs_over_time",
    "interactive_HBS_plot",
    "losses_over_time",
    "performance_histogram_model_vs_random",
]
