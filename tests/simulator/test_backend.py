"""The backend, told by hand what to run: a table of submissions and of what happens when."""

from __future__ import annotations

import math
import time

import pytest

from hpbandster_ng.engine.events import JobFinished, StartJob, WorkerJoined, WorkerLost
from hpbandster_ng.engine.records import Job, Outcome, OutcomeState
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.simulator import SimulatedBackend, Workload
from tests.simulator.problems import Slope

IN_SECONDS = Workload(cost="seconds")


def started(n_workers=1, workload=None, problem=None, seed=0):
    backend = SimulatedBackend(problem or Slope(), n_workers, seed, workload or Workload())
    backend.start(backend.clock)
    joined = [backend.next_event(0.0) for _ in range(n_workers)]
    assert joined == [WorkerJoined(0.0, f"worker_{i}") for i in range(n_workers)]
    return backend


def submit(backend, index=0, budget=1, attempt=1, worker=0, x=0.5):
    job = Job((0, 0, index), budget, {"x": x}, {})
    backend.submit(StartJob(backend.clock(), *job.key, attempt, f"worker_{worker}"), job)


def ends(backend, until=math.inf):
    """``(time, index, budget)`` of every job that ends, up to a time."""
    found = []
    while (happening := backend.next_event(until - backend.clock())) is not None:
        if isinstance(happening, JobFinished):
            assert happening.at == backend.clock()
            found.append((happening.at, happening.config_id[2], happening.budget))
    return found


def outcome_of(problem, workload=None, x=0.5):
    backend = started(problem=problem, workload=workload)
    submit(backend, x=x)
    return backend.next_event(math.inf).outcome


def problem_of(function):
    class Own(Slope):
        def __call__(self, config, budget):
            return function(config, budget)

    return Own()


# Time


def test_time_passes_only_when_it_is_asked_what_happens():
    backend = started()
    submit(backend, budget=3)
    assert backend.clock() == 0.0
    assert backend.next_event(0.0) is None
    assert backend.clock() == 0.0
    assert backend.next_event(2.5) is None
    assert backend.clock() == 2.5
    outcome = Outcome(OutcomeState.SUCCEEDED, {"loss": 0.5 + 1 / 3, "info": {}})
    assert backend.next_event(0.5) == JobFinished(3.0, (0, 0, 0), 3, 1, "worker_0", outcome)
    assert backend.clock() == 3.0


def test_waiting_for_nothing_costs_no_real_time():
    backend = started()
    begin = time.monotonic()
    assert backend.next_event(1e9) is None
    assert backend.clock() == 1e9
    assert time.monotonic() - begin < 10.0


@pytest.mark.parametrize(
    ("workload", "expected"),
    [
        (Workload(), [(1.0, 0, 1), (3.0, 1, 3)]),
        (Workload(speeds=(2.0, 0.5)), [(0.5, 0, 1), (6.0, 1, 3)]),
        (IN_SECONDS, [(60.0, 0, 1), (180.0, 1, 3)]),
        (Workload(speeds=(1, 3), cost="seconds"), [(60.0, 0, 1), (60.0, 1, 3)]),
    ],
)
def test_a_job_takes_its_cost_over_the_speed(workload, expected):
    backend = started(2, workload)
    submit(backend, 0, budget=1, worker=0)
    submit(backend, 1, budget=3, worker=1)
    assert ends(backend, until=1000.0) == expected


@pytest.mark.parametrize(
    ("workload", "expected"),
    [
        (Workload(), [1.0, 3.0, 9.0]),
        (Workload(continues=False), [1.0, 4.0, 13.0]),
        (IN_SECONDS, [60.0, 180.0, 540.0]),
        (Workload(cost="seconds", continues=False), [60.0, 240.0, 780.0]),
    ],
)
def test_a_promoted_configuration_goes_on(workload, expected):
    backend = started(workload=workload)
    for budget, at in zip((1, 3, 9), expected, strict=True):
        submit(backend, budget=budget)
        assert backend.next_event(1000.0).at == at


def test_a_model_of_seconds_that_falls_with_the_budget_costs_nothing():
    backend = started(workload=IN_SECONDS, problem=problem_of(lambda config, budget: (0.0, 10.0 / budget)))
    submit(backend, budget=1)
    assert backend.next_event(20.0).at == 10.0
    submit(backend, budget=3)
    assert backend.next_event(20.0).at == 10.0


def test_what_happens_at_the_same_time_happens_in_the_order_of_starts():
    backend = started(3)
    for index, worker in enumerate((2, 0, 1)):
        submit(backend, index, worker=worker)
    assert [index for _, index, _ in ends(backend, until=2.0)] == [0, 1, 2]


def test_the_duration_of_an_attempt_does_not_depend_on_what_else_runs():
    workload = Workload(straggling=0.7)

    def durations(order):
        backend = started(3, workload, seed=5)
        for worker, index in enumerate(order):
            submit(backend, index, worker=worker, budget=3)
        return {index: at for at, index, _ in ends(backend, until=100.0)}

    assert durations([0, 1, 2]) == durations([2, 0, 1])
    assert len(set(durations([0, 1, 2]).values())) == 3


def test_each_attempt_and_each_seed_straggles_anew():
    ended = []
    for seed, attempt in ((0, 1), (0, 2), (1, 1)):
        backend = started(workload=Workload(straggling=0.7), seed=seed)
        submit(backend, attempt=attempt)
        ended.append(ends(backend, until=100.0)[0][0])
    assert len(set(ended)) == 3


# Outcomes


def test_a_loss_is_a_result():
    outcome = outcome_of(Slope())
    assert outcome.state is OutcomeState.SUCCEEDED
    assert outcome.result == {"loss": 1.5, "info": {}}


def crash(config, budget):
    raise RuntimeError("as told")


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (crash, "RuntimeError: as told"),
        (lambda config, budget: (math.nan, 1.0), "not finite"),
        (lambda config, budget: (-math.inf, 1.0), "not finite"),
        (lambda config, budget: (None, 1.0), "no number"),
        (lambda config, budget: ("low", 1.0), "no number"),
    ],
)
@pytest.mark.parametrize("workload", [Workload(), IN_SECONDS])
def test_what_is_no_loss_is_the_configurations_fault(function, words, workload):
    outcome = outcome_of(problem_of(function), workload)
    assert outcome.state is (OutcomeState.FAILED if function is crash else OutcomeState.INVALID)
    assert outcome.result is None
    assert words in outcome.error


@pytest.mark.parametrize(("time_limit", "at", "state"), [(2.0, 2.0, "timed out"), (3.0, 3.0, "succeeded")])
def test_what_takes_longer_than_its_limit_ends_there(time_limit, at, state):
    backend = started()
    job = Job((0, 0, 0), 3, {"x": 0.5}, {})
    backend.submit(StartJob(0.0, *job.key, 1, "worker_0", time_limit=time_limit), job)
    finished = backend.next_event(10.0)
    assert (finished.at, finished.outcome.state.value) == (at, state)


def test_a_failure_takes_its_time():
    backend = started(workload=IN_SECONDS, problem=problem_of(lambda config, budget: (math.nan, 7.0)))
    submit(backend)
    assert backend.next_event(10.0).at == 7.0


def test_a_problem_cannot_change_the_configuration():
    backend = started(problem=problem_of(lambda config, budget: (config.pop("x"), 1.0)))
    job = Job((0, 0, 0), 1, {"x": 0.5}, {})
    backend.submit(StartJob(0.0, *job.key, 1, "worker_0"), job)
    assert job.config == {"x": 0.5}


@pytest.mark.parametrize("answer", [0.5, None, (0.5,), (0.5, 1.0, 2.0), [0.5, 1.0]])
def test_what_is_no_pair_is_the_problems_fault(answer):
    with pytest.raises(InvalidArgumentError, match="return \\(loss, seconds\\)"):
        outcome_of(problem_of(lambda config, budget: answer))


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf, None, "1", True])
def test_what_are_no_seconds_are_one_error_if_they_are_the_cost(seconds):
    problem = problem_of(lambda config, budget: (0.5, seconds))
    with pytest.raises(InvalidArgumentError, match=r"^seconds="):
        outcome_of(problem, IN_SECONDS)
    assert outcome_of(problem).state is OutcomeState.SUCCEEDED


def test_a_run_that_would_never_end_is_one_error():
    backend = started(workload=IN_SECONDS, problem=problem_of(lambda config, budget: (0.5, 0.0)))
    for index in range(9_999):
        submit(backend, index)
        backend.next_event(0.0)
    with pytest.raises(InvalidArgumentError, match="10000 jobs in a row take no time"):
        submit(backend, 9_999)


# Crashes


def crashing(repair=2.0, n_workers=1, crashes=0.5):
    return started(n_workers, Workload(crashes=crashes, repair=repair), seed=1)


def test_a_crashed_worker_is_lost_once_and_joins_anew_after_the_repair():
    backend = crashing()
    lost = backend.next_event(1000.0)
    assert lost == WorkerLost(backend.clock(), "worker_0", "it crashed")
    assert backend.next_event(1000.0) == WorkerJoined(lost.at + 2.0, "worker_0")
    assert isinstance(backend.next_event(1000.0), WorkerLost)


def test_what_a_crashed_worker_ran_is_never_reported():
    backend = crashing()
    submit(backend, budget=1000)
    assert isinstance(backend.next_event(999.0), WorkerLost)
    assert isinstance(backend.next_event(999.0), WorkerJoined)
    submit(backend, budget=1e-3, attempt=2)
    again = backend.next_event(999.0)
    assert (again.attempt, again.budget) == (2, 1e-3)
    assert ends(backend, until=2000.0) == []


def test_an_attempt_that_was_lost_does_not_count_as_evaluated():
    backend = crashing(crashes=0.05)
    submit(backend, budget=1000)
    assert isinstance(backend.next_event(999.0), WorkerLost)
    joined = backend.next_event(999.0)
    submit(backend, budget=2, attempt=2)
    assert backend.next_event(999.0).at == joined.at + 2.0


def test_the_rate_of_crashes_is_the_one_asked_for():
    backend = crashing(repair=0.0, n_workers=20, crashes=0.1)
    lost = 0
    while (happening := backend.next_event(1000.0 - backend.clock())) is not None:
        lost += isinstance(happening, WorkerLost)
    expected = 20 * 1000 * 0.1
    assert abs(lost - expected) < 4 * math.sqrt(expected)


# The contract


def test_only_its_own_clock_will_do():
    backend = SimulatedBackend(Slope(), 1, 0)
    with pytest.raises(InvalidArgumentError, match=r"^clock="):
        backend.start(time.monotonic)


def test_after_a_close_nothing_happens_until_all_join_anew():
    backend = started(2, Workload(crashes=0.01))
    submit(backend)
    backend.next_event(0.5)
    backend.close(shutdown_workers=True)
    backend.close(shutdown_workers=True)
    assert backend.next_event(10.0) is None
    backend.start(backend.clock)
    assert [backend.next_event(0.0) for _ in range(2)] == [WorkerJoined(10.5, f"worker_{i}") for i in range(2)]
    submit(backend, 1)
    assert ends(backend, until=12.0) == [(11.5, 1, 1)]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        *[({"n_workers": value}, "n_workers") for value in (0, -1, 1.5, True, None, math.nan)],
        *[({"seed": value}, "seed") for value in (-1, 0.5, True, None)],
        *[({"workload": value}, "workload") for value in (None, {}, Workload)],
        ({"workload": Workload(speeds=(1.0, 2.0, 3.0))}, "speeds"),
    ],
)
def test_bad_arguments_are_one_error_that_names_them(arguments, named):
    with pytest.raises(InvalidArgumentError, match=f"^{named}="):
        SimulatedBackend(Slope(), **{"n_workers": 2, "seed": 0} | arguments)
