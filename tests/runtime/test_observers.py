from __future__ import annotations

import logging

import pytest

from hpbandster_ng.engine.events import EndJob, QueueJob, StartJob, Tick, WorkerJoined
from hpbandster_ng.engine.records import Job, JobReport, Outcome, OutcomeState
from hpbandster_ng.runtime.observers import Observers, ResultLoggerObserver

EVENTS = [WorkerJoined(float(i), f"w{i}") for i in range(3)]


class Broken:
    def __init__(self, error):
        self.error = error

    def __call__(self, event):
        raise self.error

    def close(self):
        raise self.error


def test_each_sees_each_event_in_order():
    first, second = [], []
    observers = Observers([first.append, second.append])
    for event in EVENTS:
        observers.notify(event)
    observers.close()
    assert first == second == EVENTS


def test_one_that_raises_is_logged_once_with_its_traceback_and_counted(caplog):
    seen = []
    observers = Observers([Broken(RuntimeError("no tracking server")), seen.append])
    with caplog.at_level(logging.ERROR, logger="hpbandster_ng"):
        for event in EVENTS:
            observers.notify(event)
        assert len(caplog.records) == 1
        observers.close()
    assert seen == EVENTS
    first, last = caplog.records
    assert "no tracking server" in caplog.text
    assert first.exc_info[0] is RuntimeError
    assert "on WorkerJoined" in first.getMessage()
    assert "raised 4 times" in last.getMessage()


def test_two_that_raise_are_told_apart(caplog):
    observers = Observers([Broken(ValueError("a")), Broken(KeyError("b"))])
    observers.notify(EVENTS[0])
    assert [record.exc_info[0] for record in caplog.records] == [ValueError, KeyError]


def test_an_interrupt_is_not_swallowed():
    with pytest.raises(KeyboardInterrupt):
        Observers([Broken(KeyboardInterrupt())]).notify(EVENTS[0])


def test_all_are_closed_once_although_one_raises(caplog):
    closed = []

    class Closing:
        def __call__(self, event):
            pass

        def close(self):
            closed.append(self)

    observers = Observers([Closing(), Broken(RuntimeError("while closing")), Closing(), lambda event: None])
    observers.close()
    observers.close()
    assert len(closed) == 2
    assert "while closing" in caplog.text


class ResultLogger:
    def __init__(self):
        self.calls = []

    def new_config(self, config_id, config, config_info):
        self.calls.append((config_id, config, config_info))

    def __call__(self, job):
        self.calls.append(job)


def test_a_result_logger_hears_of_each_configuration_once_and_of_each_end():
    logger = ResultLogger()
    observer = ResultLoggerObserver(logger)
    low, high = (Job((0, 0, 0), budget, {"x": 1}, {"model_based_pick": False}) for budget in (1.0, 3.0))
    outcome = Outcome(OutcomeState.FAILED, error="Traceback ...")
    report = JobReport(low, outcome, "w", 1.0, 2.0, 3.0)
    for event in (
        WorkerJoined(0.0, "w"),
        QueueJob(1.0, low),
        StartJob(2.0, low.config_id, 1.0, 1, "w"),
        EndJob(3.0, report),
        QueueJob(4.0, high),
    ):
        observer(event)
    observer.close()
    assert logger.calls == [((0, 0, 0), {"x": 1}, {"model_based_pick": False}), report]
    assert (report.id, report.result, report.exception) == ((0, 0, 0), None, "Traceback ...")
    assert report.kwargs == {"config": {"x": 1}, "budget": 1.0}
    assert report.timestamps == {"submitted": 1.0, "started": 2.0, "finished": 3.0}


def test_a_result_logger_does_not_hear_of_what_was_cancelled():
    logger = ResultLogger()
    job = Job((0, 0, 0), 1.0, {"x": 1}, {})
    for state in OutcomeState:
        ResultLoggerObserver(logger)(EndJob(3.0, JobReport(job, Outcome(state), "w", 1.0, 2.0, 3.0)))
    heard = [call.outcome.state for call in logger.calls]
    assert heard == [state for state in OutcomeState if state is not OutcomeState.CANCELLED]


def test_a_result_logger_that_can_be_closed_is():
    class Closable(ResultLogger):
        def close(self):
            self.calls.append("closed")

    logger = Closable()
    ResultLoggerObserver(logger).close()
    assert logger.calls == ["closed"]


def test_an_observer_of_a_run_that_goes_on_after_a_shutdown_sees_the_rest_and_is_closed_again():
    seen = []

    class Closing:
        def __call__(self, event):
            seen.append("event")

        def close(self):
            seen.append("close")

    observers = Observers([Closing()])
    for _ in range(2):
        observers.notify(Tick(0.0))
        observers.close()
    assert seen == ["event", "close", "event", "close"]


def test_what_travels_with_a_job_is_what_all_say_of_it(caplog):
    job = Job((0, 0, 0), 1.0, {"x": 1}, {})

    class Telling:
        def __init__(self, name):
            self.name = name

        def __call__(self, event):
            pass

        def context(self, job):
            if self.name is None:
                raise RuntimeError("no tracking server")
            return {self.name: {"budget": str(job.budget)}}

    observers = Observers([Telling("a"), print, Telling(None), Telling("b")])
    assert observers.context(job) == {"a": {"budget": "1.0"}, "b": {"budget": "1.0"}}
    assert "raised on a job" in caplog.text
