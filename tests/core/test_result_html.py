"""What a notebook shows of a result: well-formed, harmless, and right."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import pytest

from hpbandster_ng.core.base_iteration import Datum
from hpbandster_ng.core.result import Result


def result(story, max_budget=9.0, **config):
    """``{number: {budget: (loss, finished)}}``"""
    data = {}
    for number, runs in story.items():
        results = {budget: None if loss is None else {"loss": loss, "info": {}} for budget, (loss, _) in runs.items()}
        stamps = {budget: {"finished": at} for budget, (_, at) in runs.items()}
        data[0, 0, number] = Datum({"number": number, **config}, {}, results, stamps)
    return Result(data, {"max_budget": max_budget})


def parsed(shown):
    """As XML, which is stricter than HTML; all elements."""
    return list(ET.fromstring(shown._repr_html_()).iter())


def texts(elements, tag):
    return [element.text for element in elements if element.tag == tag]


def test_a_run_is_summed_up():
    story = {0: {1.0: (0.5, 10), 9.0: (0.4, 20)}, 1: {1.0: (0.6, 30), 9.0: (0.25, 4000)}, 2: {1.0: (None, 50)}}
    elements = parsed(result(story, act="relu", rate=0.123456789))
    assert texts(elements, "p")[1] == "Incumbent (0, 0, 1)"
    assert texts(elements, "th") == ["budget", "runs", "failed", "lowest loss"]
    assert texts(elements, "td") == [
        *("1", "3", "1", "0.5"),
        *("9", "2", "0", "0.25"),
        *("number", "1", "act", "relu", "rate", "0.123457"),
    ]
    assert "3 configurations, 5 runs in 1 h 6 min" in "".join(elements[0].itertext())
    (path,) = (element for element in elements if element.tag == "path")
    assert path.get("d") == "M4.0 6.0H316.0V66.0"
    assert texts(elements, "title") == ["loss of the incumbent: 0.4 to 0.25 in 1 h 6 min"]


def test_without_a_result_on_the_largest_budget_the_recommendation_is_shown():
    elements = parsed(result({0: {1.0: (0.5, 1)}, 1: {1.0: (0.1, 2)}}))
    assert texts(elements, "p")[1] == "Recommended, without a result on the largest budget: (0, 0, 1)"
    assert "svg" not in {element.tag for element in elements}


@pytest.mark.parametrize(
    "story",
    [
        {},
        {0: {}},
        {0: {9.0: (None, 1)}},
        {0: {9.0: (0.5, 0)}},
        {0: {9.0: (math.nan, 1)}, 1: {9.0: (math.inf, 1)}},
        {0: {9.0: (1e308, -5)}, 1: {9.0: (-1e308, -1)}},
        {i: {float(b): (0.5, i) for b in range(1, 60)} for i in range(3)},
    ],
)
def test_odd_results_are_shown_as_well(story):
    text = "".join(parsed(result(story))[0].itertext())
    assert f"{len(story)} configuration" in text
    assert "nan" not in text


def test_what_comes_from_users_cannot_leave_its_place():
    evil = "</td><script>alert(1)</script>&\"'"
    shown = result({0: {9.0: (0.5, 1)}}, **{evil: evil, "long": "<" * 1000})._repr_html_()
    assert "<script" not in shown
    elements = list(ET.fromstring(shown).iter())
    assert texts(elements, "td")[6:] == [evil, evil, "long", "<" * 77 + "..."]


def test_nothing_is_fetched_or_run():
    shown = result({0: {9.0: (0.5, 1)}, 1: {9.0: (0.4, 2)}})._repr_html_()
    for forbidden in ("http", "src=", "href", "url(", "<script", "onload", "#0", "black", "white"):
        assert forbidden not in shown
