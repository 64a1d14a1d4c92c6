"""Pictures of a run, by matplotlib (the extra ``plot``) or by Plotly (the extra ``plotly``).

Either is imported when a picture is drawn. With matplotlib, each function returns ``(figure, axes)``, ready to be
changed and saved; with ``backend="plotly"``, a figure of Plotly, which a notebook shows, and whose ``write_html`` makes
a page of it. With ``show=True`` it opens a window and waits for its end, or opens a page of the browser.

=============================================  =========================================================================
:func:`losses_over_time`                       the loss of each run, and the best so far on each budget
:func:`finished_runs_over_time`                how many runs had finished
:func:`concurrent_runs_over_time`              how many were going on
:func:`worker_timeline`                        who computed what, and when
:func:`rung_survival`                          how many configurations reached each budget
:func:`correlation_across_budgets`             how far a budget tells the ranking on another
:func:`performance_histogram_model_vs_random`  whether the model picks better than chance does
:func:`parallel_coordinates`                   configurations on parallel axes
:func:`parameter_importance`                   which hyperparameters the loss depends on
:func:`interactive_HBS_plot`                   learning curves to explore by the mouse
=============================================  =========================================================================
"""

from __future__ import annotations

from hpbandster_ng.visualization.correlation import correlation_across_budgets
from hpbandster_ng.visualization.importance import parameter_importance
from hpbandster_ng.visualization.interactive import interactive_HBS_plot
from hpbandster_ng.visualization.losses import losses_over_time
from hpbandster_ng.visualization.model_vs_random import performance_histogram_model_vs_random
from hpbandster_ng.visualization.parallel import parallel_coordinates
from hpbandster_ng.visualization.progress import concurrent_runs_over_time, finished_runs_over_time
from hpbandster_ng.visualization.rungs import rung_survival
from hpbandster_ng.visualization.timeline import worker_timeline
from hpbandster_ng.visualization.tool_tips import default_tool_tips

__all__ = [
    "concurrent_runs_over_time",
    "correlation_across_budgets",
    "default_tool_tips",
    "finished_runs_over_time",
    "interactive_HBS_plot",
    "losses_over_time",
    "parallel_coordinates",
    "parameter_importance",
    "performance_histogram_model_vs_random",
    "rung_survival",
    "worker_timeline",
]
