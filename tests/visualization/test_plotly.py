"""What Plotly draws is what matplotlib draws: asserted on the numbers in the traces, which must be fit for JSON."""

from __future__ import annotations

import builtins
import json
import math
import sys

import numpy as np
import pytest

from hpbandster_ng import visualization as vis
from hpbandster_ng.analysis.timeline import Presence, Span, Timeline
from hpbandster_ng.core.run import OutcomeState
from hpbandster_ng.errors import InvalidArgumentError, MissingExtraError
from tests.visualization.results import many, result, small_story

go = pytest.importorskip("plotly.graph_objects", reason="needs the extra plotly")


@pytest.fixture
def story():
    return small_story()


def traces(figure):
    """By name; a figure must be one that a browser gets whole."""
    json.loads(figure.to_json())
    return {trace.name: trace for trace in figure.data if trace.name}


def numbers(values):
    return [None if value is None or math.isnan(value) else value for value in np.asarray(values, dtype=float).tolist()]


def texts(values):
    return [str(value) for value in values]


PLOTS = {
    "losses": lambda res: vis.losses_over_time(res.get_all_runs(), backend="plotly"),
    "concurrent": lambda res: vis.concurrent_runs_over_time(res.get_all_runs(), backend="plotly"),
    "finished": lambda res: vis.finished_runs_over_time(res.get_all_runs(), backend="plotly"),
    "correlation": lambda res: vis.correlation_across_budgets(res, backend="plotly"),
    "histogram": lambda res: vis.performance_histogram_model_vs_random(
        res.get_all_runs(), res.get_id2config_mapping(), backend="plotly"
    ),
    "interactive": lambda res: vis.interactive_HBS_plot(res.get_learning_curves(), show=False, backend="plotly"),
    "timeline": lambda res: vis.worker_timeline(res.get_all_runs(), backend="plotly"),
    "rungs": lambda res: vis.rung_survival(res.get_all_runs(), backend="plotly"),
    "parallel": lambda res: vis.parallel_coordinates(res, backend="plotly"),
}
ODD = {
    "one budget": {(0, 0, 0): [(9.0, 0.5, 0, 1)], (0, 0, 1): [(9.0, 0.5, 1, 2)]},
    "one run that took no time": {(0, 0, 0): [(9.0, 0.0, 1, 1)]},
    "a failure on each budget": {(0, 0, 0): [(1.0, 0.5, 0, 1), (9.0, None, 1, 2)], (0, 0, 1): [(1.0, None, 1, 2)]},
    "warm start": {(-1, 0, 0): [(1.0, 0.5, -3, -2), (9.0, 0.4, -1, 0)], (0, 0, 0): [(9.0, -0.5, 1, 3)]},
    "infinite": {(0, 0, 0): [(9.0, float("inf"), 0, 1)], (0, 0, 1): [(9.0, float("nan"), 0, 1), (10.0, 1.0, 2, 3)]},
    "wide": {(0, 0, i): [(9.0, 10.0**i, i, i + 1)] for i in range(-5, 6)},
    "many budgets": {(0, 0, i): [(3.0**k / 81, 0.5 + i / (k + 1), k, k + 1) for k in range(12)] for i in range(4)},
}


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("odd", ODD)
def test_every_picture_copes_with(plot, odd):
    figure = PLOTS[plot](result(ODD[odd]))
    assert isinstance(figure, go.Figure)
    assert len(figure.data)
    traces(figure)


def test_a_figure_is_a_page_that_needs_nothing_from_elsewhere(story):
    page = PLOTS["losses"](story).to_html(include_plotlyjs=False)
    assert "configuration (0, 0, 1)" in page
    assert "<script src=" not in page


def test_show_opens_a_page(story, monkeypatch):
    shown = []
    monkeypatch.setattr(go.Figure, "show", lambda figure: shown.append(figure))
    figure = vis.losses_over_time(story.get_all_runs(), show=True, backend="plotly")
    PLOTS["losses"](story)
    assert shown == [figure]


def test_a_missing_plotly_is_named_with_its_extra(story, monkeypatch):
    original = builtins.__import__

    def without_plotly(name, *args, **kwargs):
        if name.startswith("plotly"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    for name in [name for name in sys.modules if name.startswith("hpbandster_ng.visualization.plotly")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(vis, "plotly", raising=False)
    monkeypatch.setattr(builtins, "__import__", without_plotly)
    with pytest.raises(MissingExtraError, match=r"pip install 'hpbandster_ng\[plotly\]'"):
        PLOTS["losses"](story)


def test_losses(story):
    figure = PLOTS["losses"](story)
    named = traces(figure)
    assert list(named) == ["1", "9", "failed (1)"]
    assert (numbers(named["1"].x), numbers(named["1"].y)) == ([2, 4, 5], [0.5, 0.4, 0.6])
    assert texts(named["9"].text) == ["configuration (0, 0, 2)", "configuration (0, 0, 1)", "configuration (1, 0, 0)"]
    best = [trace for trace in figure.data if trace.mode == "lines"]
    assert [numbers(line.y) for line in best] == [[0.5, 0.4, 0.4], [0.35, 0.3, 0.2, 0.2]]
    assert [line.legendgroup for line in best] == ["1", "9"]
    assert numbers(named["failed (1)"].x) == [6]
    assert named["failed (1)"].y[0] > 0.6
    assert figure.layout.yaxis.type is None
    assert PLOTS["losses"](result(ODD["wide"])).layout.yaxis.type == "log"


def test_many_points_are_drawn_by_webgl():
    res = result({(0, 0, i): [(9.0, 0.5 + i, i, i + 1)] for i in range(4000)})
    assert {trace.type for trace in PLOTS["losses"](res).data if trace.mode == "markers"} == {"scattergl"}


def test_colours_may_be_other_ones(story):
    def colors(cmap):
        figure = vis.losses_over_time(story.get_all_runs(), cmap=cmap, backend="plotly")
        return [trace.marker.color for trace in figure.data if trace.mode == "markers"][:2]

    assert colors(None) == ["rgb(150,215,63)", "rgb(68,1,84)"]
    assert colors("t10") == ["rgb(76,120,168)", "rgb(186,176,172)"]
    with pytest.raises(InvalidArgumentError, match="color_map='mud' must be a colour scale of Plotly"):
        colors("mud")


def test_concurrent_and_finished_runs(story):
    named = traces(PLOTS["concurrent"](story))
    assert list(named) == ["9", "1"]
    assert numbers(named["1"].x) == [0, 2, 4, 5, 6, 9, 10, 12]
    assert numbers(named["1"].y) == [2, 2, 1, 1, 0, 0, 0, 0]
    assert numbers(named["9"].y) == [0, 0, 1, 2, 2, 1, 1, 0]
    named = traces(PLOTS["finished"](story))
    assert list(named) == ["all budgets", "1", "9"]
    assert (numbers(named["9"].x), numbers(named["9"].y)) == ([0, 9, 10, 12, 12], [0, 1, 2, 3, 3])


def test_correlation():
    res = result({(0, 0, i): [(1.0, i, 0, 1), (9.0, [0, 2, 1][i], 1, 2)] for i in range(3)})
    figure = PLOTS["correlation"](res)
    assert [numbers(row) for row in figure.data[0].z] == [[None, None], [pytest.approx(0.5), None]]
    assert [note.text for note in figure.layout.annotations] == ["n = 3", "0.50<br>n = 3", "n = 3"]
    assert list(figure.layout.xaxis.ticktext) == ["1", "9"]


def test_histogram(story):
    figure = PLOTS["histogram"](story)
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert [(bar.name, sum(bar.y), bar.showlegend) for bar in bars] == [
        ("random", pytest.approx(1), True),
        ("model-based", 0, True),
        ("random", pytest.approx(1), False),
        ("model-based", pytest.approx(1), False),
    ]
    assert [shape.x0 for shape in figure.layout.shapes] == [pytest.approx(0.5), pytest.approx(0.325), 0.2]
    assert figure.layout.yaxis.domain[0] > figure.layout.yaxis2.domain[1]


def test_the_curves_of_an_iteration_are_a_trace_and_a_tool_tip_is_text():
    curves = {
        (0, 0, 0): [[(1.0, 0.9), (3.0, None), (9.0, 0.7)]],
        (0, 0, 1): [[(1.0, 0.5)]],
        (-1, 0, 0): [[(-1.0, 0.2)]],
        (1, 0, 0): [[(1.0, 0.3)]],
    }
    tips = {(0, 0, 0): "a <b>\n  c"}
    figure = vis.interactive_HBS_plot(curves, tips, log_x=True, title="t", show=False, backend="plotly")
    named = traces(figure)
    assert list(named) == ["warm start", "iteration 0", "iteration 1"]
    trace = named["iteration 0"]
    assert numbers(trace.x) == [1, 9, None, 1, None]
    assert numbers(trace.y) == [0.9, 0.7, None, 0.5, None]
    assert texts(trace.text) == [*["a &lt;b&gt;<br>&nbsp;&nbsp;c"] * 2, "", "(0, 0, 1)", ""]
    assert trace.marker.color[0] != trace.marker.color[3]
    assert figure.layout.xaxis.type == "linear"  # there is a time before 0
    figure = vis.interactive_HBS_plot({(0, 0, 0): [[(1.0, 0.5)]]}, log_x=True, show=False, backend="plotly")
    assert (figure.layout.xaxis.type, figure.layout.yaxis.type) == ("log", "linear")
    with pytest.raises(InvalidArgumentError, match="must have one number for each of the 4 curves"):
        vis.interactive_HBS_plot(curves, colors_floats=[0.5], show=False, backend="plotly")


def test_timeline():
    spans = (
        Span("w", (0, 0, 0), 1.0, 0, 4, OutcomeState.LOST),
        Span("v", (0, 0, 0), 1.0, 5, 8, OutcomeState.SUCCEEDED),
        Span("v", (0, 0, 1), 9.0, 8, 9, None),
    )
    timeline = Timeline(spans, (Presence("w", 0, 4, "died"), Presence("v", 4, 10, None)))
    figure = vis.worker_timeline([], timeline, backend="plotly")
    named = traces(figure)
    assert list(named) == ["there", "1", "9", "lost (1)"]
    assert (list(named["1"].y), list(named["1"].base), list(named["1"].x)) == ([1, 0], [5, 0], [3, 4])
    assert texts(named["1"].text)[1] == "w<br>configuration (0, 0, 0): lost"
    assert "goes on" in named["9"].text[0]
    assert texts(named["there"].text) == ["w: left (died)", "v: still there"]
    assert list(figure.layout.yaxis.ticktext) == ["w (100%)", "v (67%)"]


def test_rungs(story):
    named = traces(PLOTS["rungs"](story))
    unit = 0.68 / 4
    assert numbers(named["went on"].x) == pytest.approx([2 * unit, 0, 0])
    assert numbers(named["last run"].base) == pytest.approx([2 * unit, 1, 1])
    assert numbers(named["failed"].x) == pytest.approx([unit, 0, 0])
    assert texts(named["failed"].y) == ["0", "0", "1"]
    assert (
        texts(named["failed"].text)[0]
        == "budget 1: 4 ran, 4 of them here first<br>2 went on, 1 failed<br>lowest loss 0.4"
    )


def test_parallel(story):
    for number, datum in enumerate(story.data.values()):
        datum.config["x"] = number / 10
    (trace,) = PLOTS["parallel"](story).data
    assert [axis.label for axis in trace.dimensions] == ["x", "loss"]
    assert numbers(trace.dimensions[1].values) == pytest.approx([1, 2 / 3, 0])
    assert numbers(trace.line.color) == [1, 0.5, 0]
    assert trace.dimensions[0].ticktext[0] == "0.1"


def test_importance():
    figure = vis.parameter_importance(many(), backend="plotly")
    assert list(traces(figure)) == ["by itself", "with others", "may be noise", "noise reaches so far"]
    assert list(figure.data[0].y) == ["x", "seed"]
    assert figure.data[0].x[0] == pytest.approx(1, abs=0.05)
    assert "the model explains" in figure.layout.title.text
    figure = vis.parameter_importance(many(lambda x, seed: (x - 0.5) * (seed - 0.5), 300), backend="plotly")
    assert list(figure.data[0].y)[2] == "x \u00d7 seed"
