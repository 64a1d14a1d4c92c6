"""The interactive plot answers to the mouse: events go in through the canvas, as a window sends them."""

from __future__ import annotations

import gc
from types import SimpleNamespace

import numpy as np
import pytest

from hpbandster_ng.errors import InvalidArgumentError

plt = pytest.importorskip("matplotlib.pyplot", reason="needs the extra plot")
from matplotlib.backend_bases import MouseEvent  # noqa: E402 - after the skip
from matplotlib.colors import to_rgb  # noqa: E402

from hpbandster_ng.visualization import interactive_HBS_plot  # noqa: E402

A, B, C, WARM = (0, 0, 0), (0, 0, 1), (1, 0, 0), (-1, 0, 0)
CURVES = {
    A: [[(1.0, 0.9), (3.0, 0.8), (9.0, 0.7)]],
    B: [[(1.0, 0.5)], []],
    C: [[(3.0, 0.3), (9.0, 0.1)]],
    WARM: [[(-2.0, 0.2), (-1.0, None), (0.0, 0.4)]],
}


@pytest.fixture(autouse=True)
def _close_all_figures():
    yield
    plt.close("all")


class Mouse:
    """Draws the plot and does to it what a user does."""

    def __init__(self, curves=None, **options):
        self.figure, self.axes = interactive_HBS_plot(curves or CURVES, show=False, **options)
        self.figure.draw_without_rendering()  # sets the limits of the axes

    def send(self, name, axes, point, button=None):
        x, y = axes.transData.transform(point) if axes is self.axes else axes.transAxes.transform(point)
        self.figure.canvas.callbacks.process(name, MouseEvent(name, self.figure.canvas, x, y, button=button))

    def move(self, point):
        self.send("motion_notify_event", self.axes, point)

    def click(self, point, button=1):
        self.send("button_press_event", self.axes, point, button)

    def press(self, label):
        """A button, or the box with this label."""
        for axes in self.figure.axes:
            if axes.get_label() == label:
                self.send("button_press_event", axes, (0.5, 0.5), 1)
                self.send("button_release_event", axes, (0.5, 0.5), 1)
                return
        place = next(axes for axes in self.figure.axes if axes.get_label() == "iterations")
        text = next(text for text in place.texts if text.get_text() == label)
        x, y = text.get_position()
        self.send("button_press_event", place, (x + 0.05, y), 1)

    @property
    def boxes(self):
        place = next(axes for axes in self.figure.axes if axes.get_label() == "iterations")
        return [text.get_text() for text in place.texts]

    @property
    def visible(self):
        return [line.get_visible() for line in self.axes.lines]

    @property
    def tips(self):
        return [text.get_text() for text in self.axes.texts if text.get_visible()]


def test_each_curve_is_a_line_without_the_points_that_failed():
    mouse = Mouse()
    assert [line.get_xydata().tolist() for line in mouse.axes.lines] == [
        [[1, 0.9], [3, 0.8], [9, 0.7]],
        [[1, 0.5]],
        [[3, 0.3], [9, 0.1]],
        [[-2, 0.2], [0, 0.4]],
    ]
    assert mouse.tips == []


def test_the_mouse_brings_up_the_tool_tip_of_the_curve_under_it():
    mouse = Mouse(tool_tip_strings={A: "the first"})
    mouse.move((3.0, 0.8))
    assert mouse.tips == ["the first"]
    assert mouse.axes.texts[0].xy == (9.0, 0.7)
    mouse.move((6.0, 0.2))  # on the segment between two points
    assert mouse.tips == [str(C)]
    mouse.move((8.0, 0.5))
    assert mouse.tips == []


def test_the_curve_under_the_mouse_is_thicker_for_so_long():
    mouse = Mouse()
    before = [line.get_linewidth() for line in mouse.axes.lines]
    mouse.move((3.0, 0.8))
    mouse.move((3.0, 0.8))
    assert mouse.axes.lines[0].get_linewidth() > 1.5 * before[0]
    mouse.move((8.0, 0.5))
    assert [line.get_linewidth() for line in mouse.axes.lines] == pytest.approx(before)


def test_of_two_curves_the_one_with_the_nearer_point_is_meant():
    mouse = Mouse({A: [[(0.0, 0.0), (10.0, 10.0)]], B: [[(5.0, 5.0), (6.0, 9.0)]]})
    mouse.move((5.0, 5.0))
    assert mouse.tips == [str(B)]


def test_a_click_pins_the_tool_tip_and_another_click_removes_it():
    mouse = Mouse()
    mouse.click((3.0, 0.8))
    mouse.move((8.0, 0.5))
    assert mouse.tips == [str(A)]
    mouse.click((1.0, 0.5))
    assert mouse.tips == [str(A), str(B)]
    mouse.click((9.0, 0.7))
    assert mouse.tips == [str(B)]


def test_a_pinned_curve_gets_no_second_tool_tip():
    mouse = Mouse()
    mouse.click((3.0, 0.8))
    mouse.move((3.0, 0.8))
    assert mouse.tips == [str(A)]


def test_a_click_beside_all_curves_does_nothing():
    mouse = Mouse()
    mouse.click((8.0, 0.5))
    assert mouse.tips == []


def test_other_buttons_and_zooming_pin_nothing():
    mouse = Mouse()
    mouse.click((3.0, 0.8), button=3)
    assert mouse.tips == []
    mouse.figure.canvas.toolbar = SimpleNamespace(mode="zoom rect")
    mouse.click((3.0, 0.8))
    assert mouse.tips == []


def test_the_figure_alone_keeps_the_controls_alive():
    mouse = Mouse()
    gc.collect()
    mouse.move((3.0, 0.8))
    mouse.press("iteration 1")
    mouse.press("warm start")
    assert mouse.visible == [True, True, False, False]
    mouse.click((1.0, 0.5))
    assert mouse.tips == [str(B)]
    mouse.figure.canvas.draw()


def test_a_box_shows_and_hides_the_configurations_of_an_iteration_and_their_pins():
    mouse = Mouse()
    assert mouse.boxes == ["warm start", "iteration 0", "iteration 1"]
    mouse.click((3.0, 0.8))
    mouse.press("iteration 0")
    assert mouse.visible == [False, False, True, True]
    assert mouse.tips == []
    mouse.move((3.0, 0.8))
    mouse.click((1.0, 0.5))
    assert mouse.tips == []  # what is hidden does not react
    mouse.press("warm start")
    assert mouse.visible == [False, False, True, False]
    mouse.press("iteration 0")
    assert mouse.visible == [True, True, True, False]
    assert mouse.tips == [str(A)]


def test_the_buttons_show_and_hide_all():
    mouse = Mouse()
    mouse.press("iteration 1")
    mouse.press("None")
    assert mouse.visible == [False] * 4
    mouse.press("None")
    assert mouse.visible == [False] * 4
    mouse.press("All")
    assert mouse.visible == [True] * 4


def test_many_iterations_fit_beside_the_plot():
    mouse = Mouse({(i, 0, 0): [[(1.0, float(i))]] for i in range(60)})
    place = next(axes for axes in mouse.figure.axes if axes.get_label() == "iterations")
    button = next(axes for axes in mouse.figure.axes if axes.get_label() == "All")
    assert place.get_position().y0 > button.get_position().y1
    heights = [text.get_window_extent().height for text in place.texts]
    assert sum(heights) <= place.get_window_extent().height * 1.05
    mouse.press("iteration 59")
    assert mouse.visible == [True] * 59 + [False]


def test_reset_times_lets_each_curve_begin_at_zero():
    mouse = Mouse(reset_times=True)
    assert [line.get_xdata().tolist() for line in mouse.axes.lines] == [[0, 2, 8], [0], [0, 6], [0, 2]]


def test_logarithmic_axes_are_linear_around_zero_where_values_are_not_positive():
    positive = {A: CURVES[A], C: CURVES[C]}
    assert [Mouse(positive, log_x=True).axes.get_xscale(), Mouse(positive, log_y=True).axes.get_yscale()] == ["log"] * 2
    mouse = Mouse(log_x=True, log_y=True)
    assert (mouse.axes.get_xscale(), mouse.axes.get_yscale()) == ("symlog", "log")
    assert (Mouse().axes.get_xscale(), Mouse().axes.get_yscale()) == ("linear", "linear")
    assert Mouse({A: [[(0.0, 0.0)]]}, log_x=True, log_y=True).axes.get_xscale() == "linear"


def test_colours_are_taken_from_the_map_at_the_given_places():
    mouse = Mouse(color_map="inferno", colors_floats=[0.0, 0.1, 0.2, 0.3])
    expected = [plt.get_cmap("inferno")(place)[:3] for place in (0.0, 0.1, 0.2, 0.3)]
    assert [to_rgb(line.get_color()) for line in mouse.axes.lines] == [pytest.approx(color) for color in expected]
    with pytest.raises(InvalidArgumentError, match="must have one number for each of the 4 curves"):
        Mouse(colors_floats=[0.5])


@pytest.mark.parametrize("name", ["Set3", "viridis", "Pastel1", "gray"])
def test_every_colour_can_be_seen_on_white(name):
    curves = {(0, 0, i): [[(1.0, i)]] for i in range(40)}
    for line in Mouse(curves, color_map=name).axes.lines:
        rgb = to_rgb(line.get_color())
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb]
        luminance = np.dot(linear, (0.2126, 0.7152, 0.0722))
        assert 1.05 / (luminance + 0.05) > 2.9


def test_the_same_plot_has_the_same_colours():
    first, second = ([line.get_color() for line in Mouse().axes.lines] for _ in range(2))
    assert first == second


def test_tool_tips_unfold_towards_the_middle():
    mouse = Mouse(
        {(0, 0, i): [[(x, y)]] for i, (x, y) in enumerate([(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)])},
        tool_tip_strings={(0, 0, i): "some\nlong text\nin lines" for i in range(4)},
    )
    box = mouse.axes.get_window_extent()
    for point in [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]:
        mouse.click(point)
    for text in mouse.axes.texts:
        extent = text.get_window_extent()
        assert box.x0 < extent.x0 < extent.x1 < box.x1
        assert box.y0 < extent.y0 < extent.y1 < box.y1


def test_a_title_and_labels_are_there():
    axes = Mouse(title="Learning curves of a run").axes
    assert axes.get_title(loc="left") == "Learning curves of a run"
    assert "[s]" in axes.get_xlabel()
    assert axes.get_ylabel() == "loss"
