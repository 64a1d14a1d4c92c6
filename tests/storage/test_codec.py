"""What is written is read back the same, and nothing else is read."""

from __future__ import annotations

import contextlib
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpbandster_ng.engine.events import (
    EndJob,
    QueueJob,
    RunCancelled,
    RunRequested,
    StartJob,
    Tick,
    WorkerJoined,
)
from hpbandster_ng.engine.records import Job, JobReport, Outcome, OutcomeState
from hpbandster_ng.errors import LogError, NotPlainError
from hpbandster_ng.storage.codec import VERSION, decode, encode
from tests.storage.events import BY_KIND, EVENTS, KINDS, shapes

JOB = Job((0, 1, 2), 9.0, {"x": 0.5}, {})
OUTCOME = Outcome(OutcomeState.FAILED, error="Traceback ...")


def test_every_kind_of_event_is_tried():
    assert set(BY_KIND) == KINDS


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=4))
def test_what_is_written_is_read_back_the_same(events):
    text = encode(events)
    assert "\n" not in text
    text.encode()
    assert shapes(decode(text, "the log")) == shapes(events)


def test_numbers_that_are_not_finite_survive():
    numbers = [math.nan, math.inf, -math.inf]
    outcome = Outcome(OutcomeState.SUCCEEDED, {"loss": math.nan, "info": numbers})
    events = [EndJob(1.0, JobReport(Job((0, 0, 0), math.inf, {}, {}), outcome, None, 0.0, None, 1.0))]
    assert shapes(decode(encode(events), "the log")) == shapes(events)


STARTED = {
    "event": "StartJob",
    "at": 1.5,
    "config_id": [0, 1, 2],
    "budget": 9,
    "attempt": 1,
    "worker": "w",
    "time_limit": None,
    "previous_budget": 3,
}


def test_a_record_can_be_read_by_anybody():
    assert json.loads(encode([StartJob(1.5, (0, 1, 2), 9, 1, "w", None, 3), QueueJob(2.0, JOB)])) == {
        "version": VERSION,
        "events": [
            STARTED,
            {
                "event": "QueueJob",
                "at": 2.0,
                "job": {"config_id": [0, 1, 2], "budget": 9.0, "config": {"x": 0.5}, "config_info": {}},
            },
        ],
    }


@pytest.mark.parametrize(
    ("event", "complaint"),
    [
        (Tick(0.0), "events of type Tick are never kept"),
        (QueueJob(0.0, Job((0, 0, 0), 1.0, {"model": object()}, {})), "QueueJob cannot be logged: .*'object'"),
        (RunCancelled(0.0, "\udcff"), "RunCancelled cannot be logged: .*surrogates"),
        (WorkerJoined(10**5000, "w"), "WorkerJoined cannot be logged: Exceeds the limit"),
    ],
)
def test_what_cannot_be_written_is_refused(event, complaint):
    with pytest.raises(NotPlainError, match=complaint):
        encode([WorkerJoined(0.0, "w"), event])


def changed(**changes):
    """A record of one event with other fields; ``...`` drops one."""
    fields = {name: value for name, value in {**STARTED, **changes}.items() if value is not ...}
    return json.dumps({"version": VERSION, "events": [{"event": "EndRequest", "at": 0.0}, fields]})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "Expecting value"),
        ("[]", r"must be an object with a version, not \[\]"),
        ('{"events": []}', "must be an object with a version"),
        ('{"version": true, "events": []}', "must be an object with a version"),
        ('{"version": 2, "events": []}', "its format has version 2, and this release reads 1; use"),
        ('{"version": 1}', "must have a list of events"),
        ('{"version": 1, "events": {}}', "must have a list of events"),
        ('{"version": 1, "events": [], "more": 0}', "must have a list of events"),
        ('{"version": 1, "events": [7]}', "event 1 must be of one of the kinds RunDescribed, .*, not 7"),
        (changed(event="Tick"), "event 2 must be of one of the kinds"),
        (changed(event=["StartJob"]), "event 2 must be of one of the kinds"),
        (changed(event=...), "event 2 must be of one of the kinds"),
        (changed(at=True), "event 2, a StartJob, at must be a number, not True"),
        (changed(budget=None), "budget must be a number, not None"),
        (changed(attempt=1.0), "attempt must be a whole number, not 1.0"),
        (changed(worker=7), "worker must be a string, not 7"),
        (changed(config_id=[0, 1]), "config_id must be a list of three whole numbers"),
        (changed(config_id=[0, 1, True]), "config_id must be a list of three whole numbers"),
        (
            changed(worker=...),
            "the fields at, config_id, budget, attempt, worker, time_limit, previous_budget, not",
        ),
        (changed(more=0), "must be an object with the fields"),
        (
            encode([EndJob(0.0, JobReport(JOB, OUTCOME, "w", 0.0, 0.0, 0.0))]).replace('"failed"', '"odd"'),
            "report outc",
        ),
        (encode([QueueJob(0.0, JOB)]).replace('{"x":0.5}', "[]"), "job config must be an object"),
    ],
)
def test_whatever_else_is_refused_with_the_place_and_the_reason(text, complaint):
    with pytest.raises(LogError, match=complaint) as caught:
        decode(text, "run/journal, byte 70,")
    assert str(caught.value).startswith("run/journal, byte 70, is no record of a run's log: ")


def test_a_log_of_a_release_that_wrote_no_plan_is_read():
    text = encode([RunRequested(0.0, 3, planned_runs=7, planned_budget=9.0)])
    earlier = text.replace(',"planned_runs":7,"planned_budget":9.0', "")
    assert earlier != text
    assert decode(earlier, "the log") == [RunRequested(0.0, 3)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def places(value):
    """The way to every part of a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(), *((key, *rest) for key, item in items for rest in places(item))]


def replaced(value, place, by):
    if not place:
        return by
    copy = value.copy()
    copy[place[0]] = replaced(value[place[0]], place[1:], by)
    return copy


@st.composite
def almost_records(draw):
    """A record with another value somewhere, or with other characters somewhere."""
    text = encode(draw(st.lists(EVENTS, min_size=1, max_size=2)))
    if draw(st.booleans()):
        record = json.loads(text)
        return json.dumps(replaced(record, draw(st.sampled_from(places(record))), draw(JSON)))
    start, length = draw(st.integers(0, len(text))), draw(st.integers(0, 3))
    return text[:start] + draw(st.text(max_size=3)) + text[start + length :]


@settings(deadline=None)
@given(st.text() | JSON.map(json.dumps) | almost_records())
def test_any_text_is_read_as_events_or_is_a_log_error(text):
    with contextlib.suppress(LogError):
        assert {type(event) for event in decode(text, "the log")} <= KINDS
