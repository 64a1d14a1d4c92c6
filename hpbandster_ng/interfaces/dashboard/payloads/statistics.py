"""Whether small budgets foretell large ones, and whether the model picks better than chance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hpbandster_ng.analysis.rank_correlation import spearman
from hpbandster_ng.interfaces.dashboard.payloads import shown
from hpbandster_ng.interfaces.dashboard.view import RunView

__all__ = ["correlation", "model_against_random"]

_MOST_BUDGETS = 10
_MOST_BINS = 30
_FEWEST_BINS = 8


def correlation(view: RunView) -> dict[str, Any]:
    """Spearman's rank correlation of the losses on each two budgets, and on how many configurations it rests."""
    columns = view.columns()
    counts = {budget: int(((columns.budget == budget) & columns.is_success).sum()) for budget in view.best}
    budgets = sorted(sorted(counts, key=lambda budget: -counts[budget])[:_MOST_BUDGETS])
    losses = np.full((len(budgets), len(view.configurations)), np.nan)
    for row, budget in zip(losses, budgets, strict=True):
        runs = np.flatnonzero((columns.budget == budget) & columns.is_success)
        row[columns.config[runs]] = columns.loss[runs]
    has_loss = np.isfinite(losses)
    cells = []
    for large in range(len(budgets)):
        for small in range(large):
            both = has_loss[large] & has_loss[small]
            rho = spearman(losses[small, both].tolist(), losses[large, both].tolist())
            cells.append([small, large, shown.number(rho, 4), int(both.sum())])
    return {
        "budgets": list(budgets),
        "counts": [counts[budget] for budget in budgets],
        "cells": cells,
    }


def model_against_random(view: RunView) -> dict[str, Any]:
    """How the losses of configurations picked by the model and at random spread, on each budget."""
    columns = view.columns()
    picks = {None: 0, "random": 1, "model": 2}
    picked = np.array([picks[shown.picked_by(each.info)] for each in view.configurations], dtype=np.int64)
    of_run = picked[columns.config] if len(columns.config) else np.arange(0)
    budgets = []
    for budget in sorted(view.best)[-_MOST_BUDGETS:]:
        on_it = (columns.budget == budget) & columns.is_success
        by_pick = [columns.loss[on_it & (of_run == code)] for code in (1, 2)]
        if sum(map(len, by_pick)):
            budgets.append({"budget": budget, **_histograms(*by_pick)})
    counts = np.bincount(picked, minlength=3)
    return {"random": int(counts[1]), "model": int(counts[2]), "budgets": budgets}


def _histograms(random: shown.Numbers, model: shown.Numbers) -> dict[str, Any]:
    """Of the two, in the same bins; what is far above the usual losses is put into the last bin."""
    both = np.concatenate([random, model])
    low, high = float(both.min()), float(np.percentile(both, 97.0) if len(both) > 30 else both.max())
    if high <= low:
        low, high = low - 0.5, high + 0.5
    bins = int(np.clip(2 * np.cbrt(len(both)), _FEWEST_BINS, _MOST_BINS))  # the rule of Rice
    edges = np.linspace(low, high, bins + 1)
    return {
        "edges": [shown.number(float(edge)) for edge in edges],
        "is_capped": bool(both.max() > high),
        "random": _histogram(random, edges),
        "model": _histogram(model, edges),
    }


def _histogram(found: shown.Numbers, edges: shown.Numbers) -> dict[str, Any]:
    counts, _ = np.histogram(np.minimum(found, edges[-1]), edges)
    return {
        "count": len(found),
        "bins": counts.tolist(),
        "median": shown.number(float(np.median(found)) if len(found) else math.nan),
        "best": shown.number(float(found.min()) if len(found) else math.nan),
    }
