"""Who draws: matplotlib, or Plotly."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.visualization.figure import pyplot

__all__ = ["drawn"]


def drawn(
    backend: str, show: bool, by_matplotlib: Callable[[], tuple[Any, Any]], by_plotly: Callable[[Any], Any]
) -> Any:
    """Draw a picture.

    Args:
        backend: who draws it.
        show: open a window, or a page of the browser.
        by_matplotlib: returns the figure and its axes.
        by_plotly: gets the module of Plotly's pictures, and returns the figure.

    Raises:
        InvalidArgumentError: there is no such backend.
        MissingExtraError: matplotlib or Plotly is not installed.
    """
    if backend == "matplotlib":
        figure, axes = by_matplotlib()
        if show:
            pyplot().show()
        return figure, axes
    if backend == "plotly":
        figure = by_plotly(importlib.import_module("hpbandster_ng.visualization.plotly"))
        if show:
            figure.show()
        return figure
    raise InvalidArgumentError("backend", backend, "must be 'matplotlib' or 'plotly'", "'matplotlib' is the default")
