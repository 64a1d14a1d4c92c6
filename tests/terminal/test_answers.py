"""Why nothing runs, whom a run waits for, and why a pick was random."""

from __future__ import annotations

import pytest

from hpbandster_ng.analysis.standing import Rung, Standing
from hpbandster_ng.engine.events import (
    Eliminate,
    EndJob,
    EndRequest,
    OpenIteration,
    QueueJob,
    RunCancelled,
    RunDescribed,
    RunRequested,
    RunResumed,
    StartJob,
    WorkerJoined,
    WorkerLost,
)
from hpbandster_ng.engine.records import Job, JobReport, Outcome, OutcomeState
from hpbandster_ng.terminal import answers

REASON = {"model_based_pick": False, "random_reason": "no budget has enough results yet: 1 of 4 on budget 1"}
ASKED = [RunDescribed(0.0, "r", {}), RunRequested(0.0, n_iterations=1)]
OPEN = [*ASKED, OpenIteration(0.0, 0)]


def job(index=0, budget=1.0, info=REASON):
    return Job((0, 0, index), budget, {"x": 0.5}, info)


def queue(index=0, at=1.0, **kwargs):
    return QueueJob(at, job(index, **kwargs))


def start(index=0, at=1.0, budget=1.0, attempt=1, worker="w", **kwargs):
    return StartJob(at, (0, 0, index), budget, attempt, worker, **kwargs)


def end(index=0, at=2.0, loss=0.25, budget=1.0, state=OutcomeState.SUCCEEDED, error=None):
    result = {"loss": loss, "info": {}} if state is OutcomeState.SUCCEEDED else None
    return EndJob(at, JobReport(job(index, budget), Outcome(state, result, error), "w", 1.0, 1.0, at))


JOINED = WorkerJoined(0.0, "w")
RUNNING = [*OPEN, JOINED, queue(), start()]


def standing_of(events):
    standing = Standing()
    for event in events:
        standing.handle(event)
    return standing


@pytest.mark.parametrize(
    ("events", "now", "state"),
    [
        ([], 0.0, "nobody has asked for anything yet: its master has not begun, or waits for workers"),
        ([JOINED], 5.0, "nobody has asked for anything yet: its master has not begun, or waits for workers"),
        (RUNNING, 2.0, "running: 1 job on 1 worker"),
        ([*RUNNING, end()], 3.0, "finished: all iterations that were asked for are done"),
        ([*RUNNING, RunCancelled(2.0, "because"), end(state=OutcomeState.CANCELLED)], 3.0, "cancelled: because"),
        ([*OPEN, queue()], 2.0, "nothing runs; queued: 1 job, and there is no worker (none has come yet)"),
        (
            [*RUNNING, WorkerLost(2.0, "w", "gone")],
            75.0,
            "nothing runs; queued: 1 job, and there is no worker (the last one, w, left 1 min 13 s ago: gone)",
        ),
        (
            [*RUNNING, RunResumed(2.0)],
            3_725.0,
            answers._ABANDONED.format("1 h 2 min"),
        ),
        (
            [RunRequested(0.0, 0, deadline=9.0, is_open_ended=True), *RUNNING[2:], end()],
            9.0,
            "its time is up (max_time), and nothing new starts; the next run() goes on",
        ),
        (
            [RunRequested(0.0, 0, total_budget=1.5, is_open_ended=True), *RUNNING[2:], EndRequest(1.0), end()],
            9.0,
            "finished: what is left of the total budget is less than the next job would cost",
        ),
        ([*RUNNING, end(), RunRequested(3.0, 1, call=2)], 3.5, "between two jobs"),
    ],
)
def test_the_state_says_why_nothing_runs(events, now, state):
    assert answers.state(standing_of(events), now) == state


def test_without_a_master_somebody_must_ask():
    events = [RunRequested(0.0, 2), OpenIteration(0.0, 0), queue(), start(), end()]
    assert answers.state(standing_of(events), 9_999.0, is_shared=True) == (
        "nothing runs: nobody has a suggestion; start a worker"
    )


def test_the_longest_comes_first_of_those_it_waits_for():
    events = [*OPEN, queue(), start(), end(at=3.0), queue(1), start(1, 100.0), queue(2)]
    events += [start(2, 5.0, worker="v", attempt=2, time_limit=60.0)]
    assert answers.awaited(standing_of(events), 107.0) == [
        ("0_0_2", "1", "v", "1 min 42 s", "usually 2.0 s, slow, is killed after 1 min, attempt 2"),
        ("0_0_1", "1", "w", "7.0 s", "usually 2.0 s, slow"),
    ]


def test_picks_that_are_random_for_the_same_reason_are_counted_together():
    later = REASON | {"random_reason": "no budget has enough results yet: 2 of 4 on budget 1"}
    share = {"model_based_pick": False, "random_reason": "random_fraction=0.333 of the picks are random"}
    infos = [REASON, later, share, {"model_based_pick": True}, {}]
    events = [queue(number, info=info) for number, info in enumerate(infos)]
    events += [queue(0, budget=3.0)]  # no new pick
    assert answers.picks(events) == [
        "1 by the model, 4 without it",
        "2: no budget has enough results yet (last: 2 of 4 on budget 1)",
        "1: random_fraction=0.333 of the picks are random",
    ]


def test_rungs_count_what_has_ended_runs_and_waits():
    standing = standing_of([*OPEN, JOINED, queue(), queue(1), queue(2), start(), end(), start(1)])
    assert standing.rungs == {(0, 1.0): Rung(queued=1, running=1, ended=1)}
    assert answers.rungs(standing) == [("0", "1", "1", "1", "1")]
    standing.handle(WorkerLost(3.0, "w", "gone"))
    assert standing.rungs == {(0, 1.0): Rung(queued=2, running=0, ended=1)}


def test_the_time_left_is_what_the_rest_takes_as_fast_as_it_went():
    standing = asked(num_runs=5, planned_budget=10.0)
    standing.handle(WorkerJoined(0.0, "v"))
    for event in [queue(budget=2.0), queue(1, budget=2.0), start(budget=2.0), start(1, budget=2.0, worker="v")]:
        standing.handle(event)
    assert standing.seconds_left(1.0) is None
    for index in (0, 1):
        standing.handle(end(index, budget=2.0, at=5.0))  # 4 seconds for 2; the other 6 take 12, by two workers
    assert standing.seconds_left(5.0) == 6.0


def test_workers_that_waited_for_half_of_their_time_will_do_so():
    standing = asked(num_runs=4, planned_budget=4.0)
    standing.handle(WorkerJoined(0.0, "v"))
    for event in [queue(), start(), end(at=5.0)]:
        standing.handle(event)
    assert standing.seconds_left(5.0) == pytest.approx(3 * 4.0)  # by two workers, each for half of the time


def test_a_job_on_a_budget_that_nothing_has_ended_on_takes_what_the_smaller_ones_let_expect():
    standing = asked(num_runs=3, planned_budget=30.0)
    events = [queue(0), start(0), end(0, at=2.0), queue(1, budget=3.0), start(1, budget=3.0)]
    events += [end(1, at=4.0, budget=3.0), queue(2, budget=26.0, at=5.0), start(2, at=5.0, budget=26.0)]
    for event in events:
        standing.handle(event)
    assert standing.seconds_left(6.0) == pytest.approx(25.0)


def test_the_time_in_which_no_master_ran_is_no_time_of_workers():
    standing = asked(num_runs=4, planned_budget=4.0)
    for event in [queue(), start(), end(at=5.0), queue(1, at=5.0), start(1, at=5.0)]:
        standing.handle(event)
    before = standing.seconds_left(5.0)
    for event in [RunResumed(1000.0), WorkerJoined(1000.0, "w"), start(1, at=1000.0, attempt=2)]:
        standing.handle(event)
    assert standing.seconds_left(1000.0) == before


def asked(num_runs, planned_budget, **request):
    """A run by one worker, of which so much is planned."""
    standing = Standing()
    planned = {"planned_runs": num_runs, "planned_budget": planned_budget}
    for event in [RunRequested(0.0, 1, **planned, **request), OpenIteration(0.0, 0), JOINED]:
        standing.handle(event)
    return standing


def test_jobs_that_take_as_long_on_every_budget_are_counted_by_number():
    standing = asked(num_runs=4, planned_budget=20.0)
    for index, budget in enumerate((1.0, 4.0)):
        for event in [queue(index, budget=budget), start(index, budget=budget), end(index, budget=budget, at=6.0)]:
            standing.handle(event)
    assert standing.seconds_left(6.0) == pytest.approx(10.0)  # two of five seconds, for 15 of 20 in budget


def test_what_runs_takes_its_time_though_nothing_more_will_start():
    standing = asked(num_runs=9, planned_budget=20.0, total_budget=4.0)
    for event in [queue(0), start(0), end(0, at=7.0), queue(1, at=7.0), start(1, at=7.0), EndRequest(7.0)]:
        standing.handle(event)
    assert standing.seconds_left(9.0) == 4.0
    assert standing.n_planned is None  # it is not the plan that ends it, and nobody knows how many runs that makes


def test_a_story_is_of_one_configuration():
    events = [*RUNNING, queue(1), WorkerLost(1.5, "w", "gone"), start(at=1.6, worker="v", attempt=2)]
    events += [end(), queue(at=3.0, budget=3.0), start(at=4.0, budget=3.0)]
    events += [end(at=5.0, budget=3.0, state=OutcomeState.FAILED, error="no luck\n"), Eliminate(5.0, (0, 0, 0))]
    told = answers.story(events, (0, 0, 0))
    assert [words for _, words in told] == [
        f"picked without the model: {REASON['random_reason']}",
        "queued on budget 1",
        "started on budget 1 by w",
        "started on budget 1 by v, attempt 2",
        "ended on budget 1: loss 0.25",
        "queued on budget 3",
        "started on budget 3 by w",
        "ended on budget 3: failed: no luck",
        "is out, and will never run again",
    ]
    assert [at for at, _ in told] == sorted(at for at, _ in told)
    assert answers.story(events, (9, 9, 9)) == []
    by_model = [queue(info={"model_based_pick": True, "model_budget": 3.0})]
    assert answers.story(by_model, (0, 0, 0))[0][1] == "proposed by the model of budget 3"
