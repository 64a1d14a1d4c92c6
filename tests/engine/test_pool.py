from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from hpbandster_ng.engine.events import EndJob, JobFinished, QueueJob, RunCancelled, StartJob, WorkerJoined, WorkerLost
from hpbandster_ng.engine.pool import JobState, Pool
from hpbandster_ng.engine.records import Job, JobReport, Outcome, OutcomeState
from hpbandster_ng.errors import IllegalTransitionError, InvalidArgumentError

GOOD = Outcome(OutcomeState.SUCCEEDED, {"loss": 0.5, "info": None})
BAD = Outcome(OutcomeState.FAILED, error="Traceback ...")
CANCELLED = Outcome(OutcomeState.CANCELLED, error="enough")


def job(i=0, budget=1.0):
    return Job((0, 0, i), budget, {"x": i}, {})


def key(i=0):
    return job(i).key


def queue(i=0, at=1.0):
    return QueueJob(at, job(i))


def start(i=0, worker="w", attempt=1, at=2.0):
    return StartJob(at, *key(i), attempt, worker)


def finish(i=0, worker="w", attempt=1, outcome=GOOD, at=3.0):
    return JobFinished(at, *key(i), attempt, worker, outcome)


def end(i=0, outcome=GOOD, at=4.0):
    return EndJob(at, JobReport(job(i), outcome, "w", 1.0, 2.0, at))


def joined(worker="w"):
    return WorkerJoined(0.0, worker)


def lost(worker="w"):
    return WorkerLost(3.0, worker, "fell silent")


def cancelled():
    return RunCancelled(3.5, "enough")


def pool_after(*events, **kwargs):
    pool = Pool(**kwargs)
    for event in events:
        pool.apply(event)
    return pool


def snapshot(pool):
    tasks = {
        k: (t.state, t.attempt, t.worker, t.submitted, t.started, t.outcome, tuple(t.story))
        for k, t in pool.tasks.items()
    }
    return (tasks, dict(pool.workers), list(pool._idle), list(pool._queue), list(pool._ending), pool.wants_job)


WAY = {
    None: [],
    JobState.QUEUED: [queue()],
    JobState.RUNNING: [queue(), start()],
    JobState.ENDING: [queue(), start(), finish()],
}


class TestTransitions:
    @pytest.mark.parametrize(
        ("state", "event", "then"),
        [
            (None, queue(), JobState.QUEUED),
            (JobState.QUEUED, start(), JobState.RUNNING),
            (JobState.QUEUED, cancelled(), JobState.ENDING),
            (JobState.QUEUED, end(outcome=BAD), None),
            (JobState.RUNNING, finish(), JobState.ENDING),
            (JobState.RUNNING, lost(), JobState.QUEUED),
            (JobState.RUNNING, cancelled(), JobState.ENDING),
            (JobState.ENDING, end(), None),
            (JobState.ENDING, cancelled(), JobState.ENDING),
            (JobState.ENDING, lost(), JobState.ENDING),
            (JobState.QUEUED, lost(), JobState.QUEUED),
        ],
    )
    def test_a_legal_step(self, state, event, then):
        pool = pool_after(joined(), *WAY[state], event)
        assert (pool.tasks[key()].state if key() in pool.tasks else None) is then

    def test_the_last_attempt_ends_instead_of_going_back_to_the_queue(self):
        assert pool_after(joined(), queue(), start(), lost(), max_attempts=1).tasks[key()].state is JobState.ENDING

    @pytest.mark.parametrize(
        ("state", "event", "story"),
        [
            (None, start(), "was never queued or has ended"),
            (None, end(), "was never queued or has ended"),
            (JobState.QUEUED, queue(), "1.000 QueueJob in state new"),
            (JobState.RUNNING, queue(), "1.000 QueueJob in state new; 2.000 StartJob in state queued"),
            (JobState.RUNNING, end(), "1.000 QueueJob in state new; 2.000 StartJob in state queued"),
            (JobState.RUNNING, start(worker="v"), "2.000 StartJob in state queued"),
            (JobState.RUNNING, start(), "2.000 StartJob in state queued"),
            (JobState.ENDING, start(), "3.000 JobFinished in state running"),
            (JobState.ENDING, queue(), "3.000 JobFinished in state running"),
        ],
    )
    def test_an_illegal_step_raises_with_the_story_of_the_job_and_changes_nothing(self, state, event, story):
        pool = pool_after(joined(), joined("v"), *WAY[state])
        before = snapshot(pool)
        with pytest.raises(IllegalTransitionError, match=r"\(\(0, 0, 0\), 1\.0\)") as caught:
            pool.apply(event)
        assert story in str(caught.value)
        assert snapshot(pool) == before

    @pytest.mark.parametrize(
        ("events", "message"),
        [
            ([joined(), joined()], "'w' cannot join: it is here already"),
            ([lost()], "'w' cannot be lost: it is not here"),
            ([queue(), start()], "'w' cannot start .* unknown"),
            ([joined(), queue(), queue(1), start(), start(1)], "'w' cannot start .* running"),
        ],
    )
    def test_workers_that_cannot_be(self, events, message):
        *before, last = events
        pool = pool_after(*before)
        with pytest.raises(IllegalTransitionError, match=message):
            pool.apply(last)

    def test_what_does_not_concern_it_is_ignored(self):
        pool = pool_after(joined())
        before = snapshot(pool)
        pool.apply(finish(worker="stranger"))
        assert snapshot(pool) == before


class TestAnEnd:
    def test_tells_everything(self):
        pool = pool_after(joined(), queue(), start(), finish())
        ending = pool.next_ending(at=4.0)
        assert ending == EndJob(4.0, JobReport(job(), GOOD, "w", 1.0, 2.0, 4.0))
        assert ending.report.timestamps == {"submitted": 1.0, "started": 2.0, "finished": 4.0}
        pool.apply(ending)
        assert not pool.tasks
        assert pool.next_ending(5.0) is None

    def test_comes_in_the_order_of_the_reports(self):
        events = [joined("v"), joined("w"), queue(0), queue(1), start(0, "v"), start(1, "w")]
        pool = pool_after(*events, finish(1, "w"), finish(0, "v"))
        assert pool.next_ending(4.0).key == key(1)

    def test_of_a_job_that_never_started_has_neither_worker_nor_start(self):
        pool = pool_after(queue(), cancelled())
        report = pool.next_ending(4.0).report
        assert (report.worker_name, report.started, report.outcome) == (None, None, CANCELLED)
        assert "started" not in report.timestamps


class TestTimeLimit:
    @pytest.mark.parametrize(
        ("job_timeout", "expected"), [(None, None), (60, 60.0), (lambda budget: 7 * budget, 21.0), (np.float32(2), 2.0)]
    )
    def test_each_start_tells_the_limit_of_its_budget(self, job_timeout, expected):
        pool = pool_after(joined(), QueueJob(1.0, job(budget=3.0)), job_timeout=job_timeout)
        limit = pool.next_start(2.0).time_limit
        assert limit == expected
        assert type(limit) in (float, type(None))

    @pytest.mark.parametrize("seconds", [0, -1.0, math.nan, math.inf, True, "60", None])
    def test_what_is_no_limit_is_one_error_that_names_value_and_budget(self, seconds):
        pool = pool_after(joined(), queue(), job_timeout=lambda budget: seconds)
        with pytest.raises(
            InvalidArgumentError, match=f"^job_timeout={seconds!r} is what .* for budget 1, and no finite"
        ):
            pool.next_start(2.0)
        if seconds is not None:
            with pytest.raises(
                InvalidArgumentError, match=f"^job_timeout={seconds!r} must be a finite number of seconds"
            ):
                Pool(job_timeout=seconds)


class TestLoss:
    def test_the_job_goes_to_the_front_of_the_queue_and_starts_elsewhere_with_the_next_attempt(self):
        pool = pool_after(joined(), queue(0), queue(1), start(0), lost(), joined("v"))
        assert pool.next_start(9.0) == start(0, "v", attempt=2, at=9.0)

    def test_after_the_last_attempt_the_outcome_is_lost_and_says_why(self):
        pool = Pool(max_attempts=2)
        pool.apply(queue())
        for attempt in (1, 2):
            for event in (joined(), start(attempt=attempt), lost()):
                pool.apply(event)
        outcome = pool.next_ending(4.0).report.outcome
        assert outcome.state is OutcomeState.LOST
        assert outcome.error == "worker w was lost (fell silent) in attempt 2 of 2"
        assert pool.next_start(4.0) is None

    def test_of_an_idle_worker_changes_no_job(self):
        pool = pool_after(joined(), joined("v"), queue(), start(), lost("v"))
        assert pool.tasks[key()].state is JobState.RUNNING
        assert pool.num_running == 1

    def test_between_report_and_end_the_report_counts(self):
        pool = pool_after(joined(), queue(), start(), finish(), lost())
        assert pool.next_ending(4.0).report.outcome == GOOD

    def test_it_may_join_again_under_its_name(self):
        pool = pool_after(joined(), queue(), start(), lost(), joined())
        assert pool.next_start(9.0) == start(0, "w", attempt=2, at=9.0)


class TestLateAndDuplicateReports:
    @pytest.mark.parametrize(
        "before",
        [
            [joined(), queue(), start(), finish()],
            [joined(), queue(), start(), finish(), end()],
            [joined(), queue(), start(), lost()],
            [joined(), queue(), start(), lost(), joined()],
            [joined(), queue(), start(), lost(), joined(), start(attempt=2)],
            [joined(), joined("v"), queue(), start(), lost(), start(worker="v", attempt=2)],
            [joined(), joined("v"), queue(), start(), lost(), start(worker="v", attempt=2), finish(0, "v", 2), end()],
            [joined(), queue(), start(), finish(), end(), queue(1), start(1)],
        ],
    )
    def test_change_nothing(self, before):
        pool = pool_after(*before)
        expected = snapshot(pool)
        pool.apply(finish(outcome=BAD))
        assert snapshot(pool) == expected


class TestCancelling:
    def test_every_open_job_ends_once_as_cancelled(self):
        pool = pool_after(joined(), queue(0), queue(1), queue(2), start(0), cancelled(), cancelled())
        endings = []
        while ending := pool.next_ending(4.0):
            endings.append((ending.key, ending.report.outcome))
            pool.apply(ending)
        assert endings == [(key(i), CANCELLED) for i in range(3)]
        assert not pool.tasks
        assert pool.next_start(5.0) is None

    def test_a_result_that_came_before_it_is_kept(self):
        pool = pool_after(joined(), queue(), start(), finish(), cancelled())
        assert pool.next_ending(4.0).report.outcome == GOOD

    def test_the_worker_of_a_cancelled_job_is_free_when_it_reports_and_not_before(self):
        pool = pool_after(joined(), queue(0), start(0), cancelled(), end(0, CANCELLED), queue(1))
        assert pool.next_start(5.0) is None
        pool.apply(finish(0))
        assert pool.next_start(5.0) == start(1, at=5.0)
        assert pool.num_running == 0


class TestAssignment:
    def test_a_just_dispatched_worker_is_never_offered_a_second_job(self):
        pool = pool_after(joined(), queue(0), queue(1), start(0))
        assert pool.next_start(2.0) is None

    def test_jobs_in_order_to_the_worker_that_has_been_idle_longest(self):
        pool = pool_after(joined("a"), joined("b"), queue(0), start(0, "a"), finish(0, "a"), queue(1), queue(2))
        assert pool.next_start(5.0) == start(1, "b", at=5.0)
        pool.apply(start(1, "b"))
        assert pool.next_start(5.0) == start(2, "a", at=5.0)

    def test_asking_changes_nothing(self):
        pool = pool_after(joined(), queue())
        before = snapshot(pool)
        assert pool.next_start(2.0) == pool.next_start(2.0)
        assert pool.next_ending(2.0) is None
        assert snapshot(pool) == before


def fill(pool, first=0):
    """Queue jobs as long as the pool wants any."""
    numbers = itertools.count(first)
    while pool.wants_job:
        pool.apply(queue(next(numbers)))
    return len(pool.tasks)


def end_one(pool):
    i = next(iter(pool.tasks))[0][2]
    pool.apply(EndJob(4.0, JobReport(job(i), BAD, None, 1.0, None, 4.0)))


class TestQueueSizes:
    def test_by_default_a_job_is_wanted_only_for_a_free_worker(self):
        pool = Pool()
        assert not pool.wants_job
        for n in (1, 2, 3):
            pool.apply(joined(f"w{n}"))
            assert fill(pool, first=10 * n) == n
        end_one(pool)
        assert fill(pool, first=99) == 3

    def test_fixed_at_zero_and_one_there_is_one_job_whatever_the_workers(self):
        pool = Pool((0, 1), dynamic=False)
        assert fill(pool) == 1
        pool.apply(joined("v"))
        pool.apply(joined("w"))
        assert not pool.wants_job
        end_one(pool)
        assert fill(pool, first=9) == 1

    def test_once_full_it_is_filled_again_only_at_the_low_mark(self):
        pool = Pool((1, 5), dynamic=False)
        assert fill(pool) == 5
        wanted = []
        for _ in range(4):
            end_one(pool)
            wanted.append(pool.wants_job)
        assert wanted == [False, False, False, True]
        assert fill(pool, first=9) == 5

    @pytest.mark.parametrize(
        ("sizes", "full", "refilled_at"), [((0, 5), 7, 2), ((-1, 0), 2, 1), ((-9, -8), 1, 0), ((-9, 0), 2, 0)]
    )
    def test_relative_to_two_workers(self, sizes, full, refilled_at):
        pool = pool_after(joined("v"), joined("w"), queue_sizes=sizes)
        assert fill(pool) == full
        while not pool.wants_job:
            end_one(pool)
        assert len(pool.tasks) == refilled_at

    def test_a_late_worker_gets_a_job_at_once(self):
        pool = pool_after(joined("v"))
        fill(pool)
        pool.apply(joined("w"))
        assert pool.wants_job

    @pytest.mark.parametrize(
        ("kwargs", "parameter"),
        [
            ({"queue_sizes": (0, 0)}, "job_queue_sizes"),
            ({"queue_sizes": (1, 0)}, "job_queue_sizes"),
            ({"queue_sizes": (-1, 0), "dynamic": False}, "job_queue_sizes"),
            ({"queue_sizes": (-1, 5), "dynamic": False}, "job_queue_sizes"),
            ({"max_attempts": 0}, "max_attempts"),
            ({"max_attempts": 1.5}, "max_attempts"),
            ({"max_attempts": True}, "max_attempts"),
            ({"job_timeout": 0}, "job_timeout"),
        ],
    )
    def test_sizes_with_which_a_run_would_stall_are_refused(self, kwargs, parameter):
        with pytest.raises(InvalidArgumentError, match=f"^{parameter}="):
            Pool(**kwargs)
