from __future__ import annotations

import pytest

from hpbandster_ng.analysis.timeline import Presence, Span, Timeline, timeline_of_events, timeline_of_runs
from hpbandster_ng.core.run import Run
from hpbandster_ng.engine.compaction import compacted
from hpbandster_ng.engine.events import EndJob, QueueJob, RunResumed, StartJob, WorkerJoined, WorkerLost
from hpbandster_ng.engine.records import Job, JobReport, Outcome, OutcomeState

A, B = (0, 0, 0), (0, 0, 1)
DONE, FAILED, LOST = OutcomeState.SUCCEEDED, OutcomeState.FAILED, OutcomeState.LOST


def end(at, config_id, worker, started, state=DONE):
    return EndJob(at, JobReport(Job(config_id, 1.0, {}, {}), Outcome(state), worker, 0.0, started, at))


def told(events, time_ref=0.0):
    timeline = timeline_of_events(events, time_ref)
    return [(span.worker, span.config_id, span.started, span.finished, span.outcome) for span in timeline.spans]


# what happened, and who computed what when
STORIES = {
    "one after the other": (
        [StartJob(1, A, 1.0, 1, "w"), end(2, A, "w", 1), StartJob(2, B, 1.0, 1, "w"), end(5, B, "w", 2, FAILED)],
        [("w", A, 1, 2, DONE), ("w", B, 2, 5, FAILED)],
    ),
    "going on": ([StartJob(1, A, 1.0, 1, "w"), WorkerJoined(4, "v")], [("w", A, 1, 4, None)]),
    "lost, and done by another one": (
        [StartJob(1, A, 1.0, 1, "w"), WorkerLost(3, "w", "died"), StartJob(4, A, 1.0, 2, "v"), end(6, A, "v", 4)],
        [("w", A, 1, 3, LOST), ("v", A, 4, 6, DONE)],
    ),
    "lost for good": (
        [StartJob(1, A, 1.0, 1, "w"), WorkerLost(3, "w", "died"), end(3, A, "w", 1, LOST)],
        [("w", A, 1, 3, LOST)],
    ),
    "lost, and cancelled before another one had it": (
        [StartJob(1, A, 1.0, 1, "w"), WorkerLost(3, "w", "died"), end(5, A, "w", 1, OutcomeState.CANCELLED)],
        [("w", A, 1, 3, LOST)],
    ),
    "the master died": (
        [StartJob(1, A, 1.0, 1, "w"), RunResumed(3), StartJob(4, A, 1.0, 2, "w"), end(6, A, "w", 4)],
        [("w", A, 1, 3, LOST), ("w", A, 4, 6, DONE)],
    ),
    "never started": ([end(3, A, None, None, OutcomeState.CANCELLED)], []),
}


@pytest.mark.parametrize("story", STORIES)
def test_who_computed_what(story):
    events, expected = STORIES[story]
    assert told(events) == expected
    assert told(events, time_ref=1) == [(*what, began - 1, ended - 1, how) for *what, began, ended, how in expected]


def test_a_log_that_was_compacted_tells_what_was_finished():
    events = [
        WorkerJoined(0, "w"),
        QueueJob(0, Job(A, 1.0, {}, {})),
        StartJob(1, A, 1.0, 1, "w"),
        end(2, A, "w", 1),
        WorkerLost(3, "w", "done"),
        WorkerJoined(4, "v"),
    ]
    assert len(compacted(events)) < len(events)
    assert told(compacted(events)) == told(events)


def test_who_was_there():
    events = [WorkerJoined(0, "w"), WorkerJoined(1, "v"), WorkerLost(3, "w", "died"), WorkerJoined(4, "w")]
    timeline = timeline_of_events(events)
    assert timeline.presences == (
        Presence("w", 0, 3, "died"),
        Presence("v", 1, 4, None),
        Presence("w", 4, 4, None),
    )
    assert timeline.workers == ("w", "v")


def test_the_busy_share_counts_gaps():
    spans = (Span("w", A, 1.0, 0, 2, DONE), Span("w", B, 1.0, 6, 8, DONE), Span("v", B, 1.0, 6, 6, DONE))
    assert Timeline(spans, ()).busy == {"w": 0.5, "v": 1.0}
    assert Timeline(spans, (Presence("w", 0, 16, None),)).busy["w"] == 0.25


def test_a_result_tells_the_last_worker():
    stamps = {"submitted": 0.0, "started": 1.0, "finished": 2.0}
    runs = [
        Run(B, 1.0, None, None, stamps, None, FAILED, "w"),
        Run(A, 1.0, 0.5, None, stamps, None, worker="v"),
        Run(A, 3.0, 0.5, None, stamps, None),
        Run(A, 9.0, None, None, {"submitted": 0.0, "finished": 2.0}, None, LOST, "w"),
    ]
    timeline = timeline_of_runs(runs)
    assert timeline.spans == (Span("w", B, 1.0, 1, 2, FAILED), Span("v", A, 1.0, 1, 2, DONE))
    assert timeline.presences == ()
    assert timeline_of_runs([]).workers == ()


def test_what_nobody_could_tell_apart_is_put_together():
    many = [Span("w", (0, 0, i), 1.0, i, i + 0.9, DONE) for i in range(100)]
    other = [Span("w", A, 3.0, 100, 101, DONE), Span("w", B, 3.0, 101, 102, FAILED), Span("v", B, 3.0, 0, 102, None)]
    timeline = Timeline((*many, *other), ())
    coarse = timeline.coarse(2.0)
    assert coarse.spans == (
        Span("w", (0, 0, 0), 1.0, 0, 99.9, DONE, 100),
        Span("v", B, 3.0, 0, 102, None),
        Span("w", A, 3.0, 100, 101, DONE),
        Span("w", B, 3.0, 101, 102, FAILED),
    )
    assert len(timeline.coarse(0.05).spans) == 103
