"""What the budgets have to do with each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from hpbandster_ng.analysis.model_vs_random import ModelVsRandom
from hpbandster_ng.analysis.rank_correlation import RankCorrelation
from hpbandster_ng.analysis.rungs import Rung
from hpbandster_ng.visualization.palette import budget_label, pick_colors
from hpbandster_ng.visualization.plotly import figure as look
from hpbandster_ng.visualization.views import rung_parts

__all__ = ["correlation_across_budgets", "performance_histogram_model_vs_random", "rung_survival"]


def correlation_across_budgets(told: RankCorrelation) -> go.Figure:
    count = len(told.budgets)
    title = "Rank correlation of the losses across budgets"
    figure = look.new_figure(title, height=max(440, 130 + 64 * count), width=max(560, 230 + 76 * count))
    labels = [budget_label(budget) for budget in told.budgets]
    texts = [
        [_cell(float(rho), int(n)) for rho, n in zip(*row, strict=True)]
        for row in zip(told.rho, told.counts, strict=True)
    ]
    figure.add_trace(
        go.Heatmap(
            z=[[None if math.isnan(rho) else rho for rho in row] for row in told.rho.tolist()],
            zmin=-1,
            zmax=1,
            colorscale="RdBu",
            colorbar={"title": {"text": "Spearman's rank correlation", "side": "right"}},
            customdata=[[f"budgets {first} and {second}" for second in labels] for first in labels],
            hovertemplate="%{customdata}: %{z:.3f}<extra></extra>",
            xgap=2,
            ygap=2,
        )
    )
    for row, column in zip(*np.tril_indices(count), strict=True):
        font = {"color": "white"} if abs(told.rho[row, column]) > 0.65 else {}
        figure.add_annotation(x=column, y=row, text=texts[row][column], showarrow=False, font=font)
    if count == 1:
        figure.add_annotation(x=0, y=0.2, text="one budget: nothing to compare", showarrow=False)
    bare = {"title": "budget", "showgrid": False, "showline": False, "ticks": "", "range": [-0.5, count - 0.5]}
    bare |= {"tickvals": list(range(count)), "ticktext": labels}
    return figure.update_xaxes(bare).update_yaxes({**bare, "range": [count - 0.5, -0.5]})


def _cell(rho: float, count: int) -> str:
    if not count:
        return ""
    return f"n = {count}" if math.isnan(rho) else f"{rho:.2f}<br>n = {count}"


def performance_histogram_model_vs_random(told: ModelVsRandom) -> go.Figure:
    figure = make_subplots(rows=len(told.losses), cols=1, shared_xaxes=True, vertical_spacing=0.12 / len(told.losses))
    title = "Loss of model-based and of random configurations (dashed: medians)"
    empty = look.new_figure(title, height=170 + 170 * len(told.losses)).layout.to_plotly_json()
    for name, update in {"xaxis": figure.update_xaxes, "yaxis": figure.update_yaxes}.items():
        update(empty.pop(name))
    figure.update_layout(empty)
    centers = np.sqrt(told.bins[1:] * told.bins[:-1]) if told.is_log else (told.bins[1:] + told.bins[:-1]) / 2
    for row, (budget, groups) in enumerate(told.losses.items(), start=1):
        for is_from_model, group in groups.items():
            name, color = pick_colors[is_from_model]
            figure.add_trace(
                go.Bar(
                    x=centers,
                    y=told.shares(budget, is_from_model),
                    width=np.diff(told.bins),
                    name=name,
                    legendgroup=name,
                    showlegend=row == 1,
                    marker={"color": color, "opacity": 0.5, "line": {"width": 0}},
                    hovertemplate=f"{name}: %{{y:.1%}} of {len(group)} near %{{x:.4g}}<extra></extra>",
                ),
                row=row,
                col=1,
            )
            if len(group):
                line = {"color": color, "dash": "dash", "width": 2}
                figure.add_vline(x=float(np.median(group)), line=line, row=row, col=1)
        figure.update_yaxes(title=f"budget {budget_label(budget)}<br>share of runs", row=row, col=1)
    if told.is_log:
        figure.update_xaxes(type="log")
    return figure.update_xaxes(title="loss", row=len(told.losses), col=1).update_layout(barmode="overlay", bargap=0)


def rung_survival(groups: Mapping[str, Sequence[Rung]]) -> go.Figure:
    """A column a budget: the bars begin at whole numbers."""
    budgets = sorted({rung.budget for rungs in groups.values() for rung in rungs})
    rows = [(name, rung) for name, rungs in groups.items() for rung in rungs]
    scale = 0.68 / max(rung.reached for _, rung in rows)
    left = np.array([float(budgets.index(rung.budget)) for _, rung in rows])
    figure = look.new_figure(
        "Configurations that reached each budget", height=max(300, 170 + 30 * len(groups)), barmode="overlay"
    )
    for part, (color, count_of) in rung_parts.items():
        counts = np.array([count_of(rung) for _, rung in rows])
        figure.add_trace(
            go.Bar(
                x=scale * counts,
                base=left,
                y=[name for name, _ in rows],
                name=part,
                orientation="h",
                width=0.72,
                marker={"color": color},
                text=[_rung(rung) for _, rung in rows],
                textposition="none",
                hovertemplate="%{text}<extra></extra>",
            )
        )
        left = left + scale * counts
    places = [left + 0.02, [name for name, _ in rows], [f"{rung.reached:,}" for _, rung in rows]]
    x, y, text = places
    figure.add_trace(
        go.Scatter(x=x, y=y, text=text, mode="text", textposition="middle right", showlegend=False, hoverinfo="skip")
    )
    labels = {"tickvals": list(range(len(budgets))), "ticktext": [budget_label(budget) for budget in budgets]}
    figure.update_xaxes(title="budget", range=[-0.04, len(budgets)], showgrid=False, showline=False, ticks="", **labels)
    return figure.update_yaxes(
        title="iteration", type="category", autorange="reversed", showgrid=False, showline=False, ticks=""
    )


def _rung(rung: Rung) -> str:
    best = "" if rung.best is None else f"<br>lowest loss {rung.best:.6g}"
    return (
        f"budget {budget_label(rung.budget)}: {rung.reached} ran, {rung.entered} of them here first<br>"
        f"{rung.promoted} went on, {rung.failed} failed{best}"
    )
