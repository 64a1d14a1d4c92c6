"""Whole runs: makespans computed by hand, deadlines, crashes, and the same run under the same seed."""

from __future__ import annotations

import functools
import logging
import math
import operator
import threading
from collections import Counter

import pytest

from hpbandster_ng.core.result import Result
from hpbandster_ng.engine.events import EndJob, QueueJob, StartJob, WorkerJoined, WorkerLost
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers import BOHB, HyperBand, RandomSearch
from hpbandster_ng.simulator import SimulatedBackend, Workload, simulate
from tests.simulator.problems import MINUTE, Slope


def finished(result):
    return [run.time_stamps["finished"] for run in result.get_all_runs()]


def makespan(n_workers, workload):
    """Of Hyperband's first bracket over (1, 9, 3): 9 configurations on budget 1, 3 on 3, 1 on 9."""
    problem = Slope()
    backend = SimulatedBackend(problem, n_workers, 0, workload)
    settings = {"min_budget": 1, "max_budget": 9, "run_id": "by hand", "seed": 0}
    with HyperBand(problem.configspace(0), **settings, backend=backend, clock=backend.clock) as master:
        result = master.run(1, min_n_workers=n_workers)
    assert len(result.get_all_runs()) == 13
    return max(finished(result))


def log_of(*args, **kwargs):
    log = []
    result = simulate(*args, observers=[log.append], **kwargs)
    return result, log


def of_type(log, kind):
    return [event for event in log if isinstance(event, kind)]


# Time


@pytest.mark.parametrize(
    ("n_workers", "workload", "expected"),
    [
        (1, Workload(), 9 * 1 + 3 * 2 + 6),
        (2, Workload(), 5 + 4 + 6),
        (3, Workload(), 3 + 2 + 6),
        (9, Workload(), 1 + 2 + 6),
        (20, Workload(), 1 + 2 + 6),
        (1, Workload(continues=False), 9 * 1 + 3 * 3 + 9),
        (2, Workload(continues=False), 5 + 6 + 9),
        (3, Workload(continues=False), 3 + 3 + 9),
        (3, Workload(cost="seconds"), (3 + 2 + 6) * MINUTE),
        (3, Workload(speeds=(2.0, 2.0, 2.0)), (3 + 2 + 6) / 2),
        # The fast worker does six of the nine; the two are then free at the same time, the slow one first: it takes one
        # of the three, and at the end the last one.
        (2, Workload(speeds=(2.0, 1.0)), 3 + 2 + 6),
    ],
)
def test_makespan_of_a_bracket(n_workers, workload, expected):
    assert makespan(n_workers, workload) == expected


@pytest.mark.parametrize(
    ("n_workers", "total_budget", "num_runs"),
    [
        (1, 21, 13),  # the first bracket
        (1, 20.9, 12),
        (1, 21 + 15, 13 + 4),  # and the second: 3 on budget 3, one of them on 9
        (1, 63, 13 + 4 + 3),
        (1, 0.5, 0),
        (3, 3 * 1, 3),  # each worker's job ends with the time, and counts
        (3, 3 * 0.999, 0),
    ],
)
def test_the_run_gets_its_share_of_the_total_budget(n_workers, total_budget, num_runs):
    result = simulate(HyperBand, Slope(), n_workers, total_budget, seed=0)
    assert len(result.get_all_runs()) == num_runs
    assert max(finished(result), default=0.0) <= total_budget / n_workers


def test_what_ends_with_the_time_but_for_rounding_counts():
    class Tenths(Slope):
        min_budget = max_budget = 0.1

    assert functools.reduce(operator.add, [0.1] * 30) > 3.0  # sum() rounds less from Python 3.12 on
    assert len(simulate(RandomSearch, Tenths(), 1, 3.0, seed=0).get_all_runs()) == 30


def test_time_stamps_begin_at_0_and_the_budget_can_be_seconds():
    result = simulate(HyperBand, Slope(), 2, 42 * MINUTE, 0, Workload(cost="seconds"))
    assert min(run.time_stamps["started"] for run in result.get_all_runs()) == 0.0
    assert max(finished(result)) <= 21 * MINUTE
    assert result.HB_config["time_ref"] == 0.0


@pytest.mark.parametrize("optimizer", [RandomSearch, HyperBand, BOHB])
@pytest.mark.parametrize("n_workers", [1, 7, 64])
def test_no_worker_is_ever_idle_while_the_next_bracket_can_begin(optimizer, n_workers):
    time = 60.0
    workload = Workload(straggling=0.5)
    _, log = log_of(optimizer, Slope(), n_workers, n_workers * time, 2, workload)
    started = {start.key: start.at for start in of_type(log, StartJob)}
    done = {end.key: end.at for end in of_type(log, EndJob)}
    busy = sum(min(done[key], time) - at for key, at in started.items())
    assert busy == pytest.approx(n_workers * time, rel=1e-9)


def test_a_bracket_alone_leaves_workers_idle():
    """Two workers, 21 units of work in a makespan of 15."""
    assert makespan(2, Workload()) * 2 - 21 == 9


# The same and not the same


RICH = Workload(speeds=(1, 2, 0.5, 1), straggling=0.6, crashes=0.01, repair=3)


def story(seed, **kwargs):
    result, log = log_of(BOHB, Slope(), 4, 400, seed, RICH, **kwargs)
    return result.data, result.HB_config, log


def test_the_same_seed_gives_the_same_result_and_the_same_log():
    assert story(1) == story(1)
    assert story(1)[0] != story(2)[0]


def test_the_order_of_events_changes_no_jobs_luck():
    """Another optimizer's job of the same name, in another company, takes as long."""
    workload = Workload(straggling=0.6, continues=False)

    def durations(optimizer, n_workers):
        result = simulate(optimizer, Slope(), n_workers, n_workers * 30, 1, workload)
        return {
            (run.config_id, run.budget): run.time_stamps["finished"] - run.time_stamps["started"]
            for run in result.get_all_runs()
        }

    one, other = durations(HyperBand, 1), durations(functools.partial(BOHB, random_fraction=0), 5)
    common = one.keys() & other.keys()
    assert len(common) > 5
    assert {key: one[key] for key in common} == pytest.approx({key: other[key] for key in common})


# Crashes


def test_crashes_requeue_jobs_and_every_job_ends_once():
    workload = Workload(crashes=0.05, repair=2.0)
    result, log = log_of(HyperBand, Slope(), 8, 8 * 500, 0, workload)
    num_queued = Counter(event.job.key for event in of_type(log, QueueJob))
    num_ended = Counter(event.key for event in of_type(log, EndJob))
    assert set(num_queued.values()) == set(num_ended.values()) == {1}
    assert num_queued.keys() == num_ended.keys()
    attempts = Counter(event.key for event in of_type(log, StartJob))
    assert {1, 2, 3} == set(attempts.values())
    states = {event.key: event.report.outcome.state for event in of_type(log, EndJob)}
    assert {attempts[key] for key, state in states.items() if state is OutcomeState.LOST} == {3}
    assert set(states.values()) == {OutcomeState.SUCCEEDED, OutcomeState.LOST, OutcomeState.CANCELLED}
    succeeded = {key for key, state in states.items() if state is OutcomeState.SUCCEEDED}
    assert {(run.config_id, run.budget) for run in result.get_all_runs() if run.loss is not None} == succeeded


def test_a_crashed_worker_joins_anew_after_the_repair():
    _, log = log_of(HyperBand, Slope(), 8, 8 * 500, 0, Workload(crashes=0.05, repair=2.0))
    for worker in {event.worker for event in of_type(log, WorkerLost)}:
        lost = [event.at for event in of_type(log, WorkerLost) if event.worker == worker]
        joined = [event.at for event in of_type(log, WorkerJoined) if event.worker == worker]
        assert joined[0] == 0.0
        assert joined[1:] == [at + 2.0 for at in lost if at + 2.0 < 500]


def test_a_repair_longer_than_any_patience_is_waited_for():
    result = simulate(RandomSearch, Slope(), 1, 20_000, 3, Workload(crashes=0.01, repair=2_000))
    assert len(result.get_all_runs()) > 10


def test_losses_that_fail_are_failed_runs():
    class Fails(Slope):
        def __call__(self, config, budget):
            return (math.nan, 1.0) if config["x"] > 0.5 else super().__call__(config, budget)

    runs = simulate(HyperBand, Fails(), 2, 200, seed=0).get_all_runs()
    assert {run.loss is None for run in runs} == {True, False}
    assert all(run.error_logs and "not finite" in run.error_logs for run in runs if run.loss is None)


# What is given, and what is left


def test_an_optimizer_is_any_callable_and_takes_further_arguments():
    result = simulate(functools.partial(HyperBand, eta=2), Slope(), 2, 100, seed=0)
    assert result.HB_config["budgets"] == [1.125, 2.25, 4.5, 9.0]
    result = simulate(HyperBand, Slope(), 2, 100, seed=0, eta=2, min_budget=4.5)
    assert isinstance(result, Result)
    assert result.HB_config["budgets"] == [4.5, 9.0]
    assert result.HB_config["seed"] == 0


def test_a_thousand_workers_that_crash():
    workload = Workload(straggling=0.5, crashes=0.001, repair=5)
    result = simulate(HyperBand, Slope(), 1_000, 1_000 * 10, seed=0, workload=workload)
    assert len(result.get_all_runs()) > 2_000


def test_no_thread_is_started():
    before = threading.active_count()
    seen = []
    simulate(HyperBand, Slope(), 4, 400, 0, RICH, observers=[lambda event: seen.append(threading.active_count())])
    assert set(seen) == {before}


def test_crashes_are_told_to_a_logger_of_their_own(caplog):
    simulate(HyperBand, Slope(), 4, 400, 0, RICH)
    assert {record.name for record in caplog.records} == {"hpbandster_ng.simulator"}
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_and_to_nobody_who_has_not_set_up_logging(monkeypatch, capfd):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    simulate(HyperBand, Slope(), 4, 400, 0, RICH)
    assert capfd.readouterr() == ("", "")


class NoCall:
    min_budget, max_budget = 1, 9

    def configspace(self, seed):
        raise AssertionError("is not asked")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        *[({"n_workers": value}, "n_workers") for value in (0, 1.5, True, None, "2")],
        *[({"total_budget": value}, "total_budget") for value in (0, -1, math.nan, math.inf, True, None, "10")],
        *[({"seed": value}, "seed") for value in (-1, 0.5, True, None)],
        *[({"optimizer": value}, "optimizer") for value in (None, "BOHB")],
        ({"problem": None}, "problem"),
        ({"problem": NoCall()}, "problem"),
        ({"problem": lambda config, budget: (0.0, 1.0)}, "problem"),
        ({"workload": None}, "workload"),
        ({"workload": {"crashes": 0.1}}, "workload"),
        ({"workload": Workload(speeds=(1.0,))}, "speeds"),
        ({"eta": 1}, "eta"),
    ],
)
def test_bad_arguments_are_one_error_that_names_them(arguments, named):
    good = {"optimizer": HyperBand, "problem": Slope(), "n_workers": 2, "total_budget": 10, "seed": 0}
    with pytest.raises(InvalidArgumentError, match=f"^{named}="):
        simulate(**good | arguments)
