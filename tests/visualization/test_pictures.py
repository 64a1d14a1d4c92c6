"""What the pictures show is what happened: asserted on the numbers in the artists, not on pixels."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hpbandster_ng.analysis.timeline import Presence, Span, Timeline
from hpbandster_ng.core.base_iteration import Datum
from hpbandster_ng.core.result import Result
from hpbandster_ng.core.run import OutcomeState
from hpbandster_ng.errors import InvalidArgumentError, MissingExtraError

plt = pytest.importorskip("matplotlib.pyplot", reason="needs the extra plot")

from hpbandster_ng import visualization as vis  # noqa: E402 - after the skip
from hpbandster_ng.visualization import figure as look  # noqa: E402
from tests.visualization.results import many, result, small_story  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _close_all_figures():
    yield
    plt.close("all")


@pytest.fixture
def story():
    return small_story()


@pytest.fixture
def warm_story():
    return result(
        {
            (-1, 0, 0): [(1.0, 0.5, -5, -3), (9.0, 0.4, -3, 0)],
            (0, 0, 0): [(9.0, 0.3, 1, 4)],
        }
    )


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def lines(axes):
    """Lines by label; those without one, in their order."""
    named = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    return named, [line for line in axes.lines if line.get_label().startswith("_")]


def points(line):
    return [tuple(point) for point in line.get_xydata()]


ALL = {
    "losses": lambda res: vis.losses_over_time(res.get_all_runs()),
    "concurrent": lambda res: vis.concurrent_runs_over_time(res.get_all_runs()),
    "finished": lambda res: vis.finished_runs_over_time(res.get_all_runs()),
    "correlation": vis.correlation_across_budgets,
    "histogram": lambda res: vis.performance_histogram_model_vs_random(res.get_all_runs(), res.get_id2config_mapping()),
    "interactive": lambda res: vis.interactive_HBS_plot(res.get_learning_curves(), show=False),
    "timeline": lambda res: vis.worker_timeline(res.get_all_runs()),
    "rungs": lambda res: vis.rung_survival(res.get_all_runs()),
    "parallel": vis.parallel_coordinates,
}
ODD = {
    "one budget": {(0, 0, 0): [(9.0, 0.5, 0, 1)], (0, 0, 1): [(9.0, 0.5, 1, 2)]},
    "one run": {(0, 0, 0): [(9.0, 0.5, 0, 1)]},
    "one run that took no time": {(0, 0, 0): [(9.0, 0.0, 1, 1)]},
    "a failure on each budget": {(0, 0, 0): [(1.0, 0.5, 0, 1), (9.0, None, 1, 2)], (0, 0, 1): [(1.0, None, 1, 2)]},
    "never started": {(0, 0, 0): [(9.0, 0.5, 0, 1)], (0, 0, 1): [(9.0, None, None, 2)]},
    "never ran": {(0, 0, 0): [(9.0, 0.5, 0, 1)], (0, 0, 1): []},
    "warm start": {(-1, 0, 0): [(1.0, 0.5, -3, -2), (9.0, 0.4, -1, 0)], (0, 0, 0): [(9.0, -0.5, 1, 3)]},
    "infinite": {(0, 0, 0): [(9.0, float("inf"), 0, 1)], (0, 0, 1): [(9.0, float("nan"), 0, 1), (10.0, 1.0, 2, 3)]},
    "wide": {(0, 0, i): [(9.0, 10.0**i, i, i + 1)] for i in range(-5, 6)},
    "many budgets": {(0, 0, i): [(3.0**k / 81, 0.5 + i / (k + 1), k, k + 1) for k in range(12)] for i in range(4)},
}


@pytest.mark.parametrize("picture", ALL)
@pytest.mark.parametrize("odd", ODD)
def test_every_picture_copes_with(picture, odd):
    figure, axes = ALL[picture](result(ODD[odd]))
    figure.draw_without_rendering()
    for each in np.ravel(axes):
        assert each.figure is figure
        assert each.get_ylabel()
    assert np.ravel(axes)[-1].get_xlabel()
    assert plt.gcf() is figure


@pytest.mark.parametrize("picture", ["losses", "correlation", "histogram", "parallel"])
def test_without_a_success_there_is_nothing_to_draw(picture):
    for res in (result({}), result({(0, 0, 0): [(9.0, None, 0, 1)], (0, 0, 1): [(9.0, float("nan"), 0, 1)]})):
        with pytest.raises(InvalidArgumentError, match=r"runs='\d runs' must contain at least one successful run"):
            ALL[picture](res)
    assert not plt.get_fignums()


@pytest.mark.parametrize("picture", ["concurrent", "finished", "interactive", "rungs"])
def test_without_anything_there_is_nothing_to_draw(picture):
    with pytest.raises(InvalidArgumentError, match="must contain"):
        ALL[picture](result({}))
    assert not plt.get_fignums()


def test_failed_runs_count_as_finished_and_as_concurrent():
    res = result({(0, 0, 0): [(9.0, None, 0, 1)]})
    assert points(vis.finished_runs_over_time(res.get_all_runs())[1].lines[0])[-1] == (1, 1)
    assert vis.concurrent_runs_over_time(res.get_all_runs())[1].patches[0].get_data().values.tolist() == [1]


def test_show_opens_a_window(monkeypatch, story):
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf()))
    runs = story.get_all_runs()
    curves = story.get_learning_curves()
    figures = [
        vis.losses_over_time(runs, show=True)[0],
        vis.concurrent_runs_over_time(runs, show=True)[0],
        vis.finished_runs_over_time(runs, show=True)[0],
        vis.correlation_across_budgets(story, show=True)[0],
        vis.performance_histogram_model_vs_random(runs, story.get_id2config_mapping(), show=True)[0],
        vis.interactive_HBS_plot(curves)[0],
        vis.worker_timeline(runs, show=True)[0],
        vis.rung_survival(runs, show=True)[0],
        vis.parallel_coordinates(story, show=True)[0],
        vis.parameter_importance(many(), show=True)[0],
    ]
    assert shown == figures
    vis.losses_over_time(runs)
    assert len(shown) == 10


def test_a_missing_matplotlib_is_named_with_its_extra(monkeypatch, story):
    original = builtins.__import__

    def without_matplotlib(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_matplotlib)
    for picture in ALL.values():
        with pytest.raises(MissingExtraError, match=r"pip install 'hpbandster_ng\[plot\]'"):
            picture(story)


def test_an_unknown_backend_is_refused(story):
    with pytest.raises(InvalidArgumentError, match="backend='bokeh' must be 'matplotlib' or 'plotly'"):
        vis.losses_over_time(story.get_all_runs(), backend="bokeh")


def test_drawing_leaves_the_users_settings_alone(story):
    before = dict(plt.rcParams)
    for picture in ALL.values():
        picture(story)
    assert dict(plt.rcParams) == before


# ---- losses


def test_losses_are_points_at_the_finish_with_the_best_so_far(story):
    _, axes = vis.losses_over_time(story.get_all_runs())
    named, steps = lines(axes)
    assert points(named["1"]) == [(2, 0.5), (4, 0.4), (5, 0.6)]
    assert points(named["9"]) == [(9, 0.35), (10, 0.3), (12, 0.2)]
    assert [points(step) for step in steps] == [
        [(2, 0.5), (4, 0.4), (5, 0.4), (12, 0.4)],
        [(9, 0.35), (10, 0.3), (12, 0.2), (12, 0.2)],
    ]
    assert {step.get_drawstyle() for step in steps} == {"steps-post"}
    assert points(named["failed (1)"]) == [(6, 1.0)]
    assert legend(axes) == ["1", "9", "best so far", "failed (1)"]
    assert axes.get_xlabel() == "time since the start of the run [s]"
    assert axes.get_yscale() == "linear"


def test_each_kind_of_failure_has_a_mark_of_its_own():
    ends = [None, "invalid return", "timed out", "lost", "lost"]
    story = result({(0, 0, i): [(1.0, None, i, i + 1)] for i in range(len(ends))} | {(1, 0, 0): [(1.0, 0.5, 0, 9)]})
    for datum, outcome in zip(story.data.values(), ends, strict=False):
        if outcome:
            datum.outcomes[1.0] = outcome
    _, axes = vis.losses_over_time(story.get_all_runs())
    named, _ = lines(axes)
    expected = {"failed (1)": [1], "invalid return (1)": [2], "timed out (1)": [3], "lost (2)": [4, 5]}
    assert {label: [at for at, _ in points(named[label])] for label in expected} == expected
    assert len({named[label].get_marker() for label in expected}) == 4


def test_another_value_may_be_shown(story):
    _, axes = vis.losses_over_time(story.get_all_runs(), get_loss_from_run_fn=lambda run: run.info["test"])
    assert points(lines(axes)[0]["9"]) == [(9, 3.5), (10, 3.0), (12, 2.0)]
    with pytest.raises(InvalidArgumentError, match=r"get_loss_from_run_fn=.* must give a finite number"):
        vis.losses_over_time(story.get_all_runs(), lambda run: None)


def test_a_warm_start_is_told_from_this_run(warm_story, story):
    for draw in (vis.losses_over_time, vis.concurrent_runs_over_time, vis.finished_runs_over_time):
        _, axes = draw(warm_story.get_all_runs())
        assert list(lines(axes)[0]["start of this run"].get_xdata()) == [0, 0]
        assert axes.get_xlim()[0] < -2
        assert "start of this run" not in legend(draw(story.get_all_runs())[1])


def test_losses_over_magnitudes_get_a_logarithmic_axis():
    assert vis.losses_over_time(result(ODD["wide"]).get_all_runs())[1].get_yscale() == "log"


@pytest.mark.parametrize(
    ("cmap", "expected"),
    [
        (None, lambda: [plt.get_cmap("viridis")(0.84), plt.get_cmap("viridis")(0.0)]),
        ("tab10", lambda: [plt.get_cmap("tab10")(0), plt.get_cmap("tab10")(1)]),
        ("magma", lambda: [plt.get_cmap("magma")(0.0), plt.get_cmap("magma")(1.0)]),
    ],
)
def test_colours_follow_the_budget(cmap, expected):
    colors = look.budget_colors([1.0, 9.0], cmap)
    assert [tuple(color) for color in colors.values()] == expected()
    assert look.budget_colors([1.0, 9.0], plt.get_cmap(cmap or "viridis")).keys() == colors.keys()


# ---- concurrent and finished runs


def counts(axes):
    """The number of concurrent runs by budget, in each interval between two edges, read from the stacked bands."""
    found = {}
    for band in axes.patches:
        top, edges, bottom = band.get_data()
        found[band.get_label()] = dict(zip(edges.tolist(), np.nan_to_num(top - bottom).tolist(), strict=False))
    return found


def test_concurrent_runs_are_counted_whenever_one_starts_or_ends(story):
    _, axes = vis.concurrent_runs_over_time(story.get_all_runs())
    assert counts(axes) == {
        "1": {0: 2, 2: 2, 4: 1, 5: 1, 6: 0, 9: 0, 10: 0},
        "9": {0: 0, 2: 0, 4: 1, 5: 2, 6: 2, 9: 1, 10: 1},
    }
    assert legend(axes) == ["1", "9"]


def test_concurrent_runs_are_stacked_without_a_gap(story):
    _, axes = vis.concurrent_runs_over_time(story.get_all_runs())
    tops = [np.nan_to_num(band.get_data().values, nan=0) for band in axes.patches]
    np.testing.assert_equal(np.max(tops, axis=0), [2, 2, 2, 3, 2, 1, 1])


def test_with_more_changes_than_points_the_runs_are_counted_at_even_steps(story):
    _, axes = vis.concurrent_runs_over_time(story.get_all_runs(), num_points=5)
    assert counts(axes) == {"1": {0: 2, 3: 2, 6: 0, 9: 0}, "9": {0: 0, 3: 0, 6: 2, 9: 1}}
    with pytest.raises(InvalidArgumentError, match="num_points=1 must be at least 2"):
        vis.concurrent_runs_over_time(story.get_all_runs(), num_points=1)


def test_finished_runs_are_counted_on_each_budget_and_in_all(story):
    _, axes = vis.finished_runs_over_time(story.get_all_runs())
    named, _ = lines(axes)
    assert points(named["1"]) == [(0, 0), (2, 1), (4, 2), (5, 3), (6, 4), (12, 4)]
    assert points(named["9"]) == [(0, 0), (9, 1), (10, 2), (12, 3), (12, 3)]
    assert points(named["all budgets"])[-1] == (12, 7)
    assert legend(axes) == ["all budgets", "1", "9"]


# ---- correlation


def test_the_correlation_is_that_of_the_ranks_of_shared_configurations():
    losses = {1.0: [0.1, 0.2, 0.3, 0.4, 0.9], 3.0: [1.0, 3.0, 2.0, 40.0], 9.0: [4.0, 3.0, 2.0]}
    res = result(
        {
            (0, 0, i): [(budget, values[i], 0, 1) for budget, values in losses.items() if i < len(values)]
            for i in range(5)
        }
    )
    _, axes = vis.correlation_across_budgets(res)
    matrix = np.ma.filled(axes.images[0].get_array(), np.nan)
    np.testing.assert_allclose(matrix, [[np.nan] * 3, [0.8, np.nan, np.nan], [-1.0, -0.5, np.nan]])
    assert [text.get_text() for text in axes.texts] == [
        "n = 5",
        "0.80\nn = 4",
        "n = 4",
        "-1.00\nn = 3",
        "-0.50\nn = 3",
        "n = 3",
    ]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "3", "9"]


def test_no_correlation_is_claimed_where_there_is_none():
    few = result({(0, 0, i): [(1.0, i, 0, 1), (9.0, i, 1, 2)] for i in range(2)})
    equal = result({(0, 0, i): [(1.0, i, 0, 1), (9.0, 0.5, 1, 2)] for i in range(4)})
    for res, count in ((few, 2), (equal, 4)):
        _, axes = vis.correlation_across_budgets(res)
        assert np.isnan(np.ma.filled(axes.images[0].get_array(), np.nan)).all()
        assert f"n = {count}" in [text.get_text() for text in axes.texts]


def test_one_budget_has_nothing_to_be_compared_with():
    _, axes = vis.correlation_across_budgets(result(ODD["one budget"]))
    assert [text.get_text() for text in axes.texts] == ["n = 2", "one budget: nothing to compare"]


# ---- model against random


def test_the_histogram_shows_the_shares_of_both_groups_on_each_budget(story):
    figure, axes = vis.performance_histogram_model_vs_random(story.get_all_runs(), story.get_id2config_mapping())
    assert axes.shape == (2,)
    assert [legend(each) for each in axes] == [
        ["random (n = 3)", "model-based (n = 0)"],
        ["random (n = 2)", "model-based (n = 1)"],
    ]
    assert [line.get_xdata()[0] for line in axes[0].lines] == [0.5]
    assert [line.get_xdata()[0] for line in axes[1].lines] == [pytest.approx(0.325), 0.2]
    highest = [max(patch.get_xy()[:, 1]) for patch in axes[1].patches]
    assert highest == [pytest.approx(0.5), pytest.approx(1.0)]
    assert [each.get_ylabel() for each in axes] == ["budget 1\nshare of runs", "budget 9\nshare of runs"]
    assert "dashed: medians" in figure.get_suptitle()


def test_picks_that_do_not_tell_are_random(story):
    mapping = {config_id: {"config": {}, "config_info": {}} for config_id in story.data}
    _, axes = vis.performance_histogram_model_vs_random(story.get_all_runs(), mapping)
    assert legend(axes[1]) == ["random (n = 3)", "model-based (n = 0)"]


# ---- worker time line


def test_each_worker_has_a_row_with_a_bar_for_each_run(story):
    story.data[0, 0, 1].workers = {1.0: "hpb.run_1.worker.node.2", 9.0: "w"}
    _, axes = vis.worker_timeline(story.get_all_runs())
    assert [label.get_text() for label in axes.get_yticklabels()] == ["w (100%)", "hpb.run_1.worker.node.2 (100%)"]
    small, large = axes.collections
    bars = [tuple(np.ptp(path.vertices, axis=0).round(2)) for path in small.get_paths()]
    assert [width for width, _ in bars] == [2, 4, 3, 1]
    assert [path.vertices[:, 1].mean().round() for path in small.get_paths()] == [0, 1, 0, 0]
    assert len(large.get_paths()) == 3
    colors = [tuple(color) for color in small.get_facecolors()]
    assert colors[0] == colors[1] != colors[3]  # which failed
    assert legend(axes) == ["1", "9", "failed (1)"]
    assert points(lines(axes)[0]["failed (1)"]) == [(6, 0)]


def test_the_log_of_a_run_tells_the_time_line_more():
    spans = (Span("w", (0, 0, 0), 1.0, 0, 4, OutcomeState.LOST), Span("v", (0, 0, 0), 1.0, 5, 8, None))
    timeline = Timeline(spans, (Presence("w", 0, 4, "died"), Presence("v", 4, 10, None), Presence("u", 5, 10, None)))
    _, axes = vis.worker_timeline([], timeline)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["w (100%)", "v (50%)", "u (0%)"]
    assert [(patch.get_x(), patch.get_width()) for patch in axes.patches] == [(0, 4), (4, 6), (5, 5)]
    assert points(lines(axes)[0]["lost (1)"]) == [(4, 0)]


def test_a_run_that_does_not_tell_its_workers_has_no_time_line(story):
    for datum in story.data.values():
        datum.workers = {}
    with pytest.raises(InvalidArgumentError, match="runs='no run with a worker' must tell who computed them"):
        vis.worker_timeline(story.get_all_runs())


# ---- rungs


def test_each_iteration_has_a_bar_on_each_of_its_budgets(story):
    _, axes = vis.rung_survival(story.get_all_runs())
    bars = [(patch.get_x(), patch.get_y() + 0.36, patch.get_width()) for patch in axes.patches if patch.get_width()]
    unit = 0.68 / 4
    expected = [
        *((0, 0, 2 * unit), (2 * unit, 0, unit), (3 * unit, 0, unit)),  # on budget 1: went on, last run, failed
        (1, 0, 2 * unit),
        (1, 1, unit),
    ]
    np.testing.assert_allclose(bars[: len(expected)], expected, atol=1e-9)
    assert [text.get_text() for text in axes.texts] == ["4", "2", "1"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "9"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "1"]
    assert legend(axes) == ["went on", "last run", "failed"]


def test_many_iterations_share_rows(warm_story):
    res = result({(i, 0, 0): [(9.0, 0.5, i, i + 1)] for i in range(100)})
    _, axes = vis.rung_survival(res.get_all_runs())
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert (len(labels), labels[0], labels[-1]) == (34, "0 - 2", "99")
    assert {text.get_text() for text in axes.texts} == {"3", "1"}
    _, axes = vis.rung_survival(warm_story.get_all_runs())
    assert [label.get_text() for label in axes.get_yticklabels()] == ["warm start", "0"]


# ---- parallel coordinates


def test_each_configuration_is_a_line_across_the_axes():
    res = result({(0, 0, i): [(9.0, loss, i, i + 1)] for i, loss in enumerate([0.5, 0.1, 0.9])})
    for i, datum in enumerate(res.data.values()):
        datum.config = {"x": float(i), "act": ["relu", "tanh", "relu"][i], **({"y": i} if i else {})}
    _, axes = vis.parallel_coordinates(res)
    segments = [segment[:, 1].round(3).tolist() for segment in axes.collections[0].get_segments()]
    assert segments == [[1, 0.25, 0.75, 1], [0, 0.25, -0.08, 0.5], [0.5, 0.75, 0.25, 0]]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["x", "act", "y", "loss"]
    texts = [text.get_text() for text in axes.texts]
    assert {"0", "1", "2", "relu", "tanh", "inactive", "0.2"} <= {*texts}
    assert axes.get_title(loc="left") == "3 configurations on budget 9"


def test_the_search_space_tells_the_ends_of_the_axes():
    import ConfigSpace

    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 5.0)})
    _, axes = vis.parallel_coordinates(result({(0, 0, 0): [(9.0, 0.5, 0, 1)]}), space)
    assert axes.collections[0].get_segments()[0][0, 1] == pytest.approx(0.1)  # of x = 0.5


# ---- what matters


def test_what_matters_is_told_from_what_does_not():
    _, axes = vis.parameter_importance(many())
    assert [label.get_text() for label in axes.get_yticklabels()] == ["x", "seed"]
    total = [patch.get_width() for patch in axes.patches[:2]]
    assert total == [pytest.approx(1, abs=0.05), pytest.approx(0, abs=0.05)]
    assert legend(axes)[-1] == "may be noise"
    assert "60 of 60 configurations, losses as if on budget 9; the model explains 9" in axes.get_xlabel()


def test_interactions_follow():
    _, axes = vis.parameter_importance(many(lambda x, seed: (x - 0.5) * (seed - 0.5), 300))
    assert [label.get_text() for label in axes.get_yticklabels()][2:] == ["x \u00d7 seed"]
    assert "interaction" in legend(axes)
    assert "may be noise" not in legend(axes)


def test_a_few_configurations_tell_no_importance(story):
    with pytest.raises(InvalidArgumentError, match="losses='4 configurations' must be at least 10"):
        vis.parameter_importance(story)


# ---- tool tips


def test_a_tool_tip_tells_what_is_known():
    res = result({(0, 0, 3): [(1.0, 0.25, 1, 3.5), (9.0, None, 4, 5)]}, from_model={(0, 0, 3)})
    head = [
        "configuration (0, 0, 3)",
        "  x: 0.5",
        "pick",
        "  model_based_pick: True",
        "runs",
        "  budget 1: loss 0.25, 2.5 s",
    ]
    assert vis.default_tool_tips(res, res.get_learning_curves()) == {
        (0, 0, 3): "\n".join([*head, "  budget 9: failed, 1 s"])
    }
    assert vis.default_tool_tips(res, [(0, 0, 3)], include_run_info=True) == {
        (0, 0, 3): "\n".join([*head, "    test: 2.5", "  budget 9: failed, 1 s"])
    }


def test_a_tool_tip_tells_how_a_run_without_a_loss_ended():
    res = result({(0, 0, 3): [(9.0, None, 4, 5)]})
    res.data[0, 0, 3].outcomes[9.0] = "timed out"
    assert vis.default_tool_tips(res, [(0, 0, 3)])[0, 0, 3].endswith("  budget 9: timed out, 1 s")


def test_a_tool_tip_stays_small_and_needs_neither_pick_nor_start():
    datum = Datum({"text": "a\n" * 100}, {}, {9.0: {"loss": 1.0, "info": 7.0}}, {9.0: {"finished": 1.0}})
    tips = vis.default_tool_tips(Result({(0, 0, 0): datum}, {}), [(0, 0, 0)], include_run_info=True)
    rows = tips[0, 0, 0].splitlines()
    assert len(rows) == 5
    assert len(rows[1]) == 60
    assert rows[1].endswith("...")
    assert rows[2:] == ["runs", "  budget 9: loss 1", "    7.0"]


def test_names_are_no_formulas():
    name, choice, worker = "price$^_$", "$5^$", "host$_$1"
    data = {}
    for i in range(12):
        results = {9.0: {"loss": float(i % 2 + i / 100), "info": {"note$^$": choice}}}
        stamps = {9.0: {"submitted": 0.0, "started": float(i), "finished": i + 1.0}}
        data[0, 0, i] = Datum({name: [choice, "$"][i % 2]}, {}, results, stamps, {9.0: None}, workers={9.0: worker})
    found = Result(data, {"max_budget": 9.0})
    curves = found.get_learning_curves()
    drawn = [
        vis.parallel_coordinates(found),
        vis.parameter_importance(found),
        vis.worker_timeline(found.get_all_runs()),
        vis.interactive_HBS_plot(curves, tool_tip_strings=vis.default_tool_tips(found, curves)),
    ]
    for figure, *_ in drawn:
        figure.canvas.draw()  # raises what cannot be set


NOTEBOOK_BACKEND = """
import matplotlib
from matplotlib.backends.backend_agg import *

matplotlib.interactive(True)
"""
DRAWING = """
import matplotlib
from tests.visualization.results import small_story
from tests.visualization.test_pictures import ALL

ALL[{name!r}](small_story())
print(matplotlib.is_interactive())
"""


@pytest.mark.parametrize("name", ["losses", "interactive"])
def test_a_backend_that_shows_figures_once_it_is_loaded_goes_on_showing_them(tmp_path, monkeypatch, name):
    """As that of notebooks does, which would show the first picture alone."""
    (tmp_path / "notebook_backend.py").write_text(NOTEBOOK_BACKEND, encoding="utf-8")
    monkeypatch.setenv("MPLBACKEND", "module://notebook_backend")
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    command = [sys.executable, "-c", DRAWING.format(name=name)]
    script = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert script.stdout.split() == ["True"]
