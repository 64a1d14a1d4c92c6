from __future__ import annotations

import sys
import time
from collections import deque

import pytest

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.engine.events import (
    EndJob,
    JobFinished,
    OpenIteration,
    QueueJob,
    RunCancelled,
    RunRequested,
    RunResumed,
    StartJob,
    Tick,
    TimeUp,
    WorkerJoined,
    WorkerLost,
)
from hpbandster_ng.engine.records import Outcome, OutcomeState
from hpbandster_ng.engine.schedule import Bracket, Plan
from hpbandster_ng.errors import IllegalTransitionError, NoWorkersError
from hpbandster_ng.runtime.loop import Loop, wall_clock
from hpbandster_ng.storage.memory import MemoryStorage
from tests.engine.driver import LearningGenerator, digest, make_planner, of_type, rows_executed, succeeded

SMALL = (Bracket((3, 1), (1, 3)),)


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class ScriptedBackend:
    """Joins and leaves of workers, and its end, at given times; each job takes one second and succeeds.

    Attributes:
        calls: what the loop asked of it, in order.
    """

    def __init__(self, script=(), calls=None, seconds=1.0):
        self.script = deque(script)
        self.calls = [] if calls is None else calls
        self.seconds = seconds
        self.running = deque()

    def start(self, clock):
        self.clock = clock
        self.calls.append("start")

    def submit(self, start, job, context):
        self.calls.append(start)
        self.running.append((self.clock() + self.seconds, start))

    def next_event(self, timeout):
        assert timeout >= 0
        until = self.clock.now + timeout
        due = [queue[0][0] for queue in (self.script, self.running) if queue]
        if not due or min(due) > until:
            self.clock.now = until
            return None
        self.clock.now = max(self.clock.now, min(due))
        if self.script and self.script[0][0] <= self.clock.now:
            _, kind, worker = self.script.popleft()
            if kind is WorkerJoined:
                return WorkerJoined(self.clock.now, worker)
            if kind is TimeUp:
                return TimeUp(self.clock.now)
            self.running = deque(item for item in self.running if item[1].worker != worker)
            return WorkerLost(self.clock.now, worker, "gone")
        finished, start = self.running.popleft()
        outcome = succeeded(float(start.config_id[2]))
        return JobFinished(finished, start.config_id, start.budget, start.attempt, start.worker, outcome)

    def acknowledge(self, happening):
        pass

    def close(self, shutdown_workers):
        self.calls.append(("close", shutdown_workers))


JOIN = (1000.0, WorkerJoined, "w")


def scripted(script=(JOIN,), observers=(), worker_timeout=60.0, storage=None, seconds=1.0, **kwargs):
    clock = Clock()
    backend = ScriptedBackend(script, seconds=seconds)
    storage = MemoryStorage() if storage is None else storage
    return Loop(make_planner(SMALL, **kwargs), backend, storage, observers, worker_timeout, clock)


def in_process(compute=lambda config, **kwargs: {"loss": config["x"]}, observers=()):
    return Loop(make_planner(SMALL), InProcessBackend(compute), MemoryStorage(), observers, 60.0, wall_clock())


def unkept(loop):
    loop.storage = None
    return loop


def log_of(loop):
    return list(loop.storage.read())


class TestARun:
    def test_goes_to_its_end_in_one_process(self):
        loop = in_process()
        loop.run(2)
        assert loop.planner.is_finished
        assert rows_executed(log_of(loop)) == Plan(SMALL * 2).rows
        loop.close(shutdown_workers=True)

    def test_may_be_followed_by_another(self):
        loop = in_process()
        loop.run(1)
        loop.run(2)
        assert rows_executed(log_of(loop)) == Plan(SMALL * 3).rows
        assert len(of_type(log_of(loop), WorkerJoined)) == 1

    def test_leaves_a_log_from_which_its_state_can_be_folded(self):
        loop = in_process()
        loop.run(2)
        planner = make_planner(SMALL)
        planner.replay(log_of(loop))
        assert digest(planner) == digest(loop.planner)

    @pytest.mark.parametrize(
        "returned", [None, {}, {"loss": float("nan")}, {"loss": "x"}, {"loss": 1, "info": object()}]
    )
    def test_ends_whatever_compute_returns(self, returned):
        loop = in_process(lambda **kwargs: returned)
        loop.run(2)
        assert [e.report.outcome.state for e in of_type(log_of(loop), EndJob)] == [OutcomeState.INVALID] * 6

    def test_ends_although_compute_exits(self):
        loop = in_process(lambda **kwargs: sys.exit(1))
        loop.run(1)
        assert len(of_type(log_of(loop), EndJob)) == 3

    def test_that_is_interrupted_in_compute_goes_on_when_run_again(self):
        interrupts = iter([KeyboardInterrupt()])

        def compute(config, **kwargs):
            for interrupt in interrupts:
                raise interrupt
            return {"loss": config["x"]}

        loop = in_process(compute)
        with pytest.raises(KeyboardInterrupt):
            loop.run(1)
        loop.run(1)
        assert rows_executed(log_of(loop)) == Plan(SMALL * 2).rows

    def test_time_that_passes_is_not_logged(self):
        loop = scripted(script=[(1007.5, WorkerJoined, "w")])
        loop.run(1)
        assert not of_type(log_of(loop), Tick)


class TestWorkers:
    def test_are_waited_for(self):
        loop = scripted([JOIN, (1030.0, WorkerJoined, "v")])
        loop.wait_for_workers(2)
        assert loop.clock() == 1030.0
        assert set(loop.planner.pool.workers) == {"w", "v"}
        loop.wait_for_workers(1)
        assert loop.clock() == 1030.0

    @pytest.mark.parametrize(("script", "present"), [([], 0), ([JOIN], 1), ([JOIN, (1010.0, WorkerLost, "w")], 0)])
    def test_that_do_not_come_are_one_clear_error_within_the_limit(self, script, present):
        loop = scripted(script, worker_timeout=60.0)
        with pytest.raises(NoWorkersError, match=rf"{present} of 2 workers .* worker_timeout=60 seconds.*run_id"):
            loop.wait_for_workers(2)
        assert loop.clock() == 1060.0

    def test_are_waited_for_no_longer_than_the_time_that_the_run_has(self):
        loop = scripted([], worker_timeout=60.0)
        loop.wait_for_workers(2, until=1005.5)
        assert loop.clock() == 1005.5

    def test_that_never_come_end_a_run_too(self):
        loop = scripted([], worker_timeout=60.0)
        with pytest.raises(NoWorkersError, match="0 of 1 workers"):
            loop.run(1)
        assert 1060.0 <= loop.clock() <= 1061.0

    def test_that_all_leave_in_mid_run_and_stay_away(self):
        loop = scripted([JOIN, (1001.5, WorkerLost, "w")], worker_timeout=60.0)
        with pytest.raises(NoWorkersError, match="0 of 1 workers"):
            loop.run(1)
        assert 1061.5 <= loop.clock() <= 1063.0
        assert len(of_type(log_of(loop), EndJob)) == 1

    def test_that_come_back_in_time_finish_the_run(self):
        loop = scripted([JOIN, (1001.5, WorkerLost, "w"), (1050.0, WorkerJoined, "w")], worker_timeout=60.0)
        loop.run(1)
        assert rows_executed(log_of(loop)) == Plan(SMALL).rows
        assert max(e.attempt for e in of_type(log_of(loop), StartJob)) == 2

    def test_that_work_for_longer_than_the_limit_are_no_error(self):
        loop = scripted(worker_timeout=60.0, seconds=500.0)
        loop.run(1)
        assert loop.clock() == 1000.0 + 4 * 500.0

    def test_of_an_earlier_life_are_gone_when_the_backend_is_opened(self):
        first = scripted(seconds=100.0)
        first.run(1, max_time=5.0)
        (interrupted,) = of_type(log_of(first), StartJob)
        second = scripted([(1002.0, WorkerJoined, "new")], storage=first.storage)
        second.planner.replay(log_of(first))
        second.start()
        assert second.planner.pool.workers == {}
        second.run(0)
        restarted = of_type(log_of(second), StartJob)[1]
        assert (restarted.key, restarted.attempt, restarted.worker) == (interrupted.key, 2, "new")
        assert [call.worker for call in second.backend.calls if isinstance(call, StartJob)] == ["new"] * 4
        assert rows_executed(log_of(second)) == Plan(SMALL).rows


class TestMaxTime:
    def test_nothing_starts_after_it_and_the_run_returns(self):
        loop = scripted()
        loop.run(5, max_time=2.5)
        assert loop.clock() == 1002.5
        assert len(of_type(log_of(loop), EndJob)) == 2
        assert all(e.at < 1002.5 for e in of_type(log_of(loop), StartJob))

    def test_a_job_that_is_under_way_then_counts_in_the_next_run(self):
        loop = scripted()
        loop.run(1, max_time=2.5)
        loop.run(1)
        assert rows_executed(log_of(loop)) == Plan(SMALL * 2).rows
        assert len(of_type(log_of(loop), StartJob)) == 8

    def test_it_is_kept_when_a_job_takes_much_longer(self):
        loop = scripted(seconds=1e6)
        loop.run(1, max_time=10.0)
        assert loop.clock() == 1010.0


class TestTimeUp:
    SCRIPT = [JOIN, (1002.5, WorkerLost, "w"), (1002.5, TimeUp, None)]

    def test_of_the_backend_ends_this_call_and_every_later_one(self):
        loop = scripted(self.SCRIPT)
        for _ in range(2):
            loop.run(5)
            assert loop.clock() == 1002.5
        assert not loop.is_finished
        assert len(of_type(log_of(loop), EndJob)) == 2
        assert not of_type(log_of(loop), TimeUp)

    def test_of_the_backend_ends_the_wait_for_workers(self):
        loop = scripted([(1002.5, TimeUp, None)])
        loop.wait_for_workers(2)
        assert loop.clock() == 1002.5

    def test_that_nobody_has_looked_at_is_not_recorded_at_the_close(self):
        loop = scripted(self.SCRIPT)
        loop.run(5, max_time=1.5)
        loop.clock.now = 1003.0
        loop.close(shutdown_workers=False)
        assert not of_type(log_of(loop), TimeUp)


class TestTotalBudget:
    def test_the_run_returns_when_what_runs_has_ended(self):
        loop = scripted([(1000.0, WorkerJoined, worker) for worker in ("v", "w")])
        loop.run(None, total_budget=2.0)
        assert loop.clock() == 1001.0
        assert [e.report.job.budget for e in of_type(log_of(loop), EndJob)] == [1, 1]

    def test_what_is_left_open_goes_on_in_the_next_run(self):
        loop = scripted()
        for total_budget in (2.0, 4.0):
            loop.run(None, total_budget=total_budget)
        assert rows_executed(log_of(loop)) == Plan(SMALL).rows

    def test_time_is_a_limit_besides(self):
        loop = scripted()
        loop.run(None, max_time=2.5, total_budget=100.0)
        assert loop.clock() == 1002.5


class Recorder:
    """A storage, an observer and the backend's calls on one tape."""

    def __init__(self):
        self.tape = []

    def open(self):
        pass

    def append(self, events):
        self.tape += [("stored", event) for event in events]

    def read(self):
        return [event for what, event in self.tape if what == "stored"]

    def close(self):
        pass

    def __call__(self, event):
        self.tape.append(("observed", event))


class TestOrder:
    def test_an_event_is_stored_before_anybody_sees_it_or_acts_on_it(self):
        recorder = Recorder()
        loop = scripted(storage=recorder, observers=[recorder])
        loop.backend.calls = _Tape(recorder.tape)
        loop.run(2)
        loop.close(shutdown_workers=True)
        first = {}
        for position, entry in enumerate(recorder.tape):
            first.setdefault((entry[0], id(entry[1])), position)
        for what, event in recorder.tape:
            if what != "stored" and event not in ("start", ("close", True)):
                assert first["stored", id(event)] < first[what, id(event)]
        submitted = [event for what, event in recorder.tape if what == "called" and isinstance(event, StartJob)]
        assert submitted == of_type(recorder.read(), StartJob)
        assert [event for what, event in recorder.tape if what == "observed"] == recorder.read()

    def test_the_log_tells_the_story(self):
        loop = scripted()
        loop.run(1)
        assert [type(event) for event in log_of(loop)][:8] == [
            RunRequested,
            WorkerJoined,
            OpenIteration,
            QueueJob,
            StartJob,
            JobFinished,
            EndJob,
            QueueJob,
        ]


class _Tape:
    def __init__(self, tape):
        self.tape = tape

    def append(self, call):
        self.tape.append(("called", call))


class TestObserversInALoop:
    def test_one_that_raises_harms_neither_the_run_nor_the_others(self, caplog):
        seen = []

        def broken(event):
            raise RuntimeError("observer")

        loop = scripted(observers=[broken, seen.append])
        loop.run(1)
        assert seen == log_of(loop)
        loop.close(shutdown_workers=False)
        assert "raised" in caplog.text


class TestClosing:
    def test_without_a_storage_cancels_what_runs_and_may_be_done_twice(self):
        log = []
        loop = unkept(scripted(seconds=100.0, observers=[log.append]))
        loop.run(1, max_time=5.0)
        loop.close(shutdown_workers=True)
        loop.close(shutdown_workers=True)
        assert [type(e) for e in log[-2:]] == [RunCancelled, EndJob]
        assert log[-1].report.outcome == Outcome(OutcomeState.CANCELLED, error="the run was shut down")
        assert loop.backend.calls.count(("close", True)) == 1

    def test_before_anything_was_started_touches_no_backend(self):
        loop = scripted()
        loop.close(shutdown_workers=True)
        assert loop.backend.calls == []
        assert log_of(loop) == []

    def test_closes_observers_and_backend_even_if_the_log_is_full(self):
        class Full(MemoryStorage):
            def close(self):
                raise OSError("disk full")

        closed = []
        observer = _Closing(closed)
        loop = scripted(storage=Full(), observers=[observer])
        loop.run(1)
        with pytest.raises(OSError, match="disk full"):
            loop.close(shutdown_workers=False)
        assert loop.backend.calls[-1] == ("close", False)
        assert closed == [True]

    def test_a_closed_run_can_be_run_again_with_workers_that_join_anew(self):
        loop = in_process()
        loop.run(1)
        loop.close(shutdown_workers=False)
        loop.run(1)
        assert rows_executed(log_of(loop)) == Plan(SMALL * 2).rows
        assert len(of_type(log_of(loop), WorkerJoined)) == 2
        assert len(of_type(log_of(loop), RunResumed)) == 1

    def test_a_backend_that_cannot_be_opened_is_tried_again(self):
        class Shy(ScriptedBackend):
            def start(self, clock):
                super().start(clock)
                if len(self.calls) == 1:
                    raise ConnectionError("no nameserver")

        loop = scripted()
        loop.backend = Shy([JOIN])
        with pytest.raises(ConnectionError):
            loop.run(1)
        loop.run(1)
        assert loop.planner.is_finished


class _Closing:
    def __init__(self, closed):
        self.closed = closed

    def __call__(self, event):
        pass

    def close(self):
        self.closed.append(True)


class TestBrokenOff:
    def loop(self):
        class Broken(LearningGenerator):
            def get_config(self, budget):
                if self.learned:
                    raise ZeroDivisionError("in the user's generator")
                return super().get_config(budget)

        return scripted([JOIN, (1000.0, WorkerJoined, "v")], generator=Broken())

    def test_the_error_of_a_generator_is_raised_and_running_again_does_not_hang(self):
        loop = self.loop()
        with pytest.raises(ZeroDivisionError):
            loop.run(1)
        for again in (lambda: loop.run(1), lambda: loop.wait_for_workers(1)):
            with pytest.raises(IllegalTransitionError, match=r"broken off .* goes on where"):
                again()

    def test_closing_still_closes_and_the_log_can_still_be_folded(self):
        loop = self.loop()
        with pytest.raises(ZeroDivisionError):
            loop.run(1)
        loop.close(shutdown_workers=True)
        assert loop.backend.calls[-1] == ("close", True)
        planner = make_planner(SMALL)
        planner.replay(log_of(loop))
        assert [type(decision) for decision in planner.handle(Tick(1001.0))][:1] == [EndJob]


class Torrent(ScriptedBackend):
    """A worker joins every millisecond, and never is there nothing to tell."""

    def next_event(self, timeout):
        self.clock.now += 0.001
        return WorkerJoined(self.clock.now, f"w{self.clock.now:.3f}")


def test_what_happens_within_twenty_milliseconds_is_recorded_at_once_and_nothing_waits_for_longer():
    clock, appended = Clock(), []

    class Watched(MemoryStorage):
        def append(self, events):
            appended.append([clock.now - event.at for event in events])
            super().append(events)

    loop = Loop(make_planner(SMALL), Torrent(), Watched(), (), 60.0, clock)
    loop.wait_for_workers(200)
    waits = [max(each) for each in appended[1:]]
    assert max(waits) <= 0.02 + 0.001
    assert max(map(len, appended)) >= 20


def test_the_wall_clock_gives_unix_seconds_that_do_not_run_backwards():
    clock = wall_clock()
    readings = [clock() for _ in range(100)]
    assert readings == sorted(readings)
    assert abs(readings[0] - time.time()) < 60
