"""What happened over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from hpbandster_ng.analysis.losses import LossesOverTime
from hpbandster_ng.analysis.progress import ConcurrentRuns, FinishedRuns
from hpbandster_ng.analysis.timeline import Span, Timeline
from hpbandster_ng.core.run import ConfigId, OutcomeState
from hpbandster_ng.visualization.palette import GRID, INK, budget_label, busy_names, outcome_marks
from hpbandster_ng.visualization.plotly import figure as look

__all__ = ["concurrent_runs_over_time", "finished_runs_over_time", "losses_over_time", "worker_timeline"]

_MANY_MARKS = 200


def losses_over_time(told: LossesOverTime, cmap: Any) -> go.Figure:
    figure = look.new_figure("Loss of each run, and the best so far on its budget")
    colors = look.budget_colors([each.budget for each in told.on_budgets], cmap)
    scatter = look.scatter_type(sum(len(each.times) for each in told.on_budgets))
    for each in told.on_budgets:
        name, color = budget_label(each.budget), colors[each.budget]
        times, best = _thinned(np.append(each.times, told.end), np.append(each.best, each.best[-1]))
        figure.add_trace(
            scatter(
                x=each.times,
                y=each.losses,
                name=name,
                legendgroup=name,
                mode="markers",
                marker={"color": color, "size": 6, "opacity": 0.75},
                text=_texts(each.config_ids),
                hovertemplate=f"%{{text}} on budget {name}<br>loss %{{y:.6g}} after %{{x:.4g}} s<extra></extra>",
            )
        )
        line = {"color": color, "width": 2, "shape": "hv"}
        hover = f"best so far on budget {name}: %{{y:.6g}}<extra></extra>"
        figure.add_trace(
            go.Scatter(
                x=times, y=best, mode="lines", line=line, legendgroup=name, showlegend=False, hovertemplate=hover
            )
        )
    _mark_failures(figure, told)
    look.mark_the_start(figure, told.begin)
    look.time_axis(figure, "loss")
    if told.is_log:
        figure.update_yaxes(type="log", dtick=1, exponentformat="power")
    return figure


def _texts(config_ids: Iterable[ConfigId]) -> list[str]:
    return [f"configuration {config_id}" for config_id in config_ids]


def _thinned(times: np.ndarray, best: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The corners of a line that only falls: the first and last point, and where it falls."""
    keep = np.concatenate([[True], np.diff(best) != 0])
    keep[-1] = True
    return times[keep], best[keep]


def _mark_failures(figure: go.Figure, told: LossesOverTime) -> None:
    """Above the highest loss."""
    values = np.concatenate([each.losses for each in told.on_budgets])
    low, high = (np.log(values) if told.is_log else values)[[values.argmin(), values.argmax()]]
    top = high + 0.06 * ((high - low) or abs(high) or 1.0)
    for failures in told.failures:
        name = failures.outcome.value
        figure.add_trace(
            look.scatter_type(len(failures.times))(
                x=failures.times,
                y=np.full(len(failures.times), np.exp(top) if told.is_log else top),
                name=f"{name} ({len(failures.times)})",
                mode="markers",
                marker=_mark(outcome_marks[failures.outcome][1], len(failures.times)),
                text=_texts(failures.config_ids),
                hovertemplate=f"%{{text}}: {name} after %{{x:.4g}} s<extra></extra>",
            )
        )


def _mark(symbol: str, count: int) -> dict[str, Any]:
    size, width = (8, 1.5) if count <= _MANY_MARKS else (4, 1.0)
    return {"symbol": symbol, "size": size, "color": INK, "line": {"color": INK, "width": width}}


def concurrent_runs_over_time(told: ConcurrentRuns) -> go.Figure:
    figure = look.new_figure("Concurrent runs", height=420)
    for budget, color in reversed(look.budget_colors(list(told.counts)).items()):
        name, counts = budget_label(budget), told.counts[budget]
        figure.add_trace(
            go.Scatter(
                x=told.edges,
                y=np.append(counts, 0),
                name=name,
                stackgroup="all",
                mode="lines",
                line={"color": color, "width": 0.6, "shape": "hv"},
                fillcolor=color,
                hovertemplate=f"%{{y}} on budget {name} at %{{x:.4g}} s<extra></extra>",
            )
        )
    look.mark_the_start(figure, told.begin)
    look.time_axis(figure, "concurrent runs")
    return figure.update_layout(legend_traceorder="reversed", yaxis_rangemode="tozero")


def finished_runs_over_time(told: FinishedRuns) -> go.Figure:
    figure = look.new_figure("Finished runs")
    colors = look.budget_colors(list(told.times))
    counted = {budget_label(budget): (times, colors[budget]) for budget, times in told.times.items()}
    if len(told.times) > 1:
        counted = {"all budgets": (told.all_times, INK), **counted}
    for name, (times, color) in counted.items():
        x, y = told.steps(times)
        line = {"color": color, "width": 2, "shape": "hv"}
        hover = f"%{{y}} finished ({name}) after %{{x:.4g}} s<extra></extra>"
        figure.add_trace(look.scatter_type(len(x))(x=x, y=y, name=name, mode="lines", line=line, hovertemplate=hover))
    look.mark_the_start(figure, told.first_end)
    look.time_axis(figure, "finished runs")
    return figure.update_layout(yaxis_rangemode="tozero")


def worker_timeline(told: Timeline, busy: Mapping[str, float]) -> go.Figure:
    workers = {worker: row for row, worker in enumerate(told.workers)}
    figure = look.new_figure(
        "What each worker computed", height=min(1200, max(340, 190 + 30 * len(workers))), barmode="overlay"
    )
    if told.presences:
        rows, lefts, rights = zip(
            *((workers[each.worker], each.joined, each.left) for each in told.presences), strict=True
        )
        figure.add_trace(
            go.Bar(
                y=rows,
                base=lefts,
                x=np.subtract(rights, lefts),
                name="there",
                orientation="h",
                width=0.9,
                marker={"color": GRID},
                text=[_presence(each.worker, each.reason) for each in told.presences],
                textposition="none",
                hovertemplate="%{text}<extra></extra>",
            )
        )
    for budget, color in look.budget_colors(sorted({span.budget for span in told.spans})).items():
        figure.add_trace(_bars([span for span in told.spans if span.budget == budget], workers, color))
    for outcome, (_, symbol) in outcome_marks.items():
        spans = [span for span in told.spans if span.outcome is outcome]
        if spans:
            x, y = [span.finished for span in spans], [workers[span.worker] for span in spans]
            name = f"{outcome.value} ({sum(span.count for span in spans)})"
            figure.add_trace(
                go.Scatter(x=x, y=y, mode="markers", marker=_mark(symbol, len(x)), name=name, hoverinfo="skip")
            )
    look.mark_the_start(figure, min(span.started for span in told.spans))
    look.time_axis(figure, "worker")
    ticks = {"tickvals": [*workers.values()], "ticktext": busy_names([*workers], busy)} if len(workers) <= 50 else {}
    return figure.update_yaxes(range=[len(workers) - 0.4, -0.6], showgrid=False, title="worker (time busy)", **ticks)


def _presence(worker: str, reason: str | None) -> str:
    return f"{worker}: still there" if reason is None else f"{worker}: left ({reason})"


def _bars(spans: list[Span], workers: Mapping[str, int], color: str) -> go.Bar:
    label = budget_label(spans[0].budget)
    spans = sorted(spans, key=lambda span: span.outcome is not OutcomeState.SUCCEEDED)  # the first stands in the legend
    colors = [color if span.outcome is OutcomeState.SUCCEEDED else color.replace(")", ",0.45)") for span in spans]
    return go.Bar(
        y=[workers[span.worker] for span in spans],
        base=[span.started for span in spans],
        x=[span.finished - span.started for span in spans],
        name=label,
        orientation="h",
        width=0.72,
        marker={"color": colors, "line": {"color": colors, "width": 0.5}},
        text=[_span(span) for span in spans],
        textposition="none",
        hovertemplate=f"%{{text}}<br>budget {label}, from %{{base:.4g}} s for %{{x:.4g}} s<extra></extra>",
    )


def _span(span: Span) -> str:
    outcome = "goes on" if span.outcome is None else span.outcome.value
    what = f"configuration {span.config_id}" if span.count == 1 else f"{span.count} runs"
    return f"{span.worker}<br>{what}: {outcome}"
