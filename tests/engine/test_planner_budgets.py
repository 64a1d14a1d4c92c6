"""How much a request may cost, and who is told of what is pending."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpbandster_ng.engine.events import Eliminate, EndJob, EndRequest, OpenIteration, QueueJob, RunRequested
from hpbandster_ng.engine.schedule import Bracket, hyperband_brackets
from tests.engine.driver import (
    FAILED,
    LearningGenerator,
    Simulation,
    continued,
    digest,
    make_async_planner,
    make_planner,
    of_type,
    succeeded,
)
from tests.engine.test_planner_properties import (
    MANY,
    MOVES,
    SOME,
    planner_of,
    play,
    settings_of_any_run,
    some_loss,
)

SMALL = (Bracket((3, 1), (1, 3)),)
BUDGETS = st.one_of(st.none(), st.floats(0.5, 80.0), st.integers(1, 80).map(float))


def simulation(make=make_planner, brackets=SMALL, n_workers=1, **kwargs):
    sim = Simulation(make(brackets, **kwargs))
    for _ in range(n_workers):
        sim.join()
    return sim


def queued(log):
    return [event.job.budget for event in of_type(log, QueueJob)]


@pytest.mark.parametrize(
    ("total_budget", "expected"),
    [
        (0.5, []),
        (1, [1]),
        (2.5, [1, 1]),
        (3, [1, 1, 1]),
        (5.9, [1, 1, 1]),
        (6, [1, 1, 1, 3]),
        (7, [1, 1, 1, 3, 1]),
        (15, [1, 1, 1, 3, 1, 1, 1, 3, 1, 1, 1]),
    ],
)
def test_the_first_job_that_would_cost_too_much_is_not_queued(total_budget, expected):
    sim = simulation()
    sim.request(total_budget=total_budget)
    sim.drain(some_loss)
    assert queued(sim.log) == expected
    assert sim.planner.is_finished


def test_sums_of_budgets_that_are_no_binary_fractions_count_in_full():
    sim = simulation(brackets=(Bracket((30,), (0.1,)),))
    sim.request(total_budget=0.1 * 3)  # 0.30000000000000004, while 0.1 + 0.1 + 0.1 is that as well, and 0.3 is less
    sim.drain(some_loss)
    sim.request(total_budget=0.3)
    sim.drain(some_loss)
    assert len(queued(sim.log)) == 6


def test_what_was_left_open_goes_on_with_the_next_request():
    sim = simulation()
    for total_budget, expected in ((2, [1, 1]), (2, [1]), (2, []), (3, [3]), (4, [1, 1, 1])):
        before = len(queued(sim.log))
        sim.request(total_budget=total_budget)
        sim.drain(some_loss)
        assert sim.planner.is_finished
        assert queued(sim.log)[before:] == expected


@pytest.mark.parametrize(
    ("n_iterations", "total_budget", "cost"), [(1, 100, 6), (2, 100, 12), (2, 7, 7), (None, 12, 12), (1, None, 6)]
)
def test_whichever_comes_first(n_iterations, total_budget, cost):
    sim = simulation()
    sim.request(n_iterations, total_budget=total_budget)
    sim.drain(some_loss)
    assert sum(queued(sim.log)) == cost


def test_what_runs_ends_before_the_request_does_even_if_all_is_spent():
    sim = simulation(n_workers=3)
    sim.request(total_budget=3)
    assert [type(event) for event in sim.log[-1:]] == [EndRequest]
    for loss in (0.1, 0.2):
        sim.finish(sim.busy[0], succeeded(loss))
        assert not sim.planner.is_finished
    assert [type(decision) for decision in sim.finish(sim.busy[0], FAILED)] == [EndJob, Eliminate, Eliminate]
    assert sim.planner.is_finished


def test_what_was_spent_needs_no_worker_to_say_so():
    sim = simulation(max_attempts=1)
    sim.request(total_budget=1)
    sim.lose("w0")
    assert sim.planner.is_finished


def test_the_repetition_of_a_lost_job_costs_nothing():
    sim = simulation()
    sim.request(total_budget=2)
    sim.lose("w0")
    sim.join()
    sim.drain(some_loss)
    assert queued(sim.log) == [1, 1]


def test_without_any_limit_it_goes_on_for_ever_and_until_the_deadline():
    sim = simulation()
    sim.request(deadline=200.0)
    while sim.busy:
        sim.finish(sim.busy[0], succeeded(0.0))
    assert len(of_type(sim.log, OpenIteration)) > 20
    assert not sim.planner.is_finished
    assert sim.clock >= 200.0


@MANY
@given(settings_of_any_run(), st.integers(0, 3), BUDGETS, st.integers(0, 4), MOVES)
def test_no_request_costs_more_than_it_may_and_all_of_them_end(
    given_settings, n_iterations, total_budget, n_workers, moves
):
    sim = Simulation(planner_of(given_settings))
    for _ in range(n_workers):
        sim.join()
    for _ in range(2):
        before = len(sim.log)
        sim.request(n_iterations if total_budget is None else n_iterations or None, total_budget=total_budget)
        play(sim, [move for move in moves if move[0] != "request"])
        sim.drain(some_loss)
        assert sim.planner.is_finished
        assert not sim.planner.pool.tasks
        costs = queued(sim.log[before:])
        assert math.fsum(costs) <= (total_budget or math.inf) * (1 + 1e-9)
        if total_budget is not None and not n_iterations:
            largest = max(budget for bracket in given_settings["brackets"] for budget in bracket.budgets)
            assert math.fsum(costs) > total_budget - largest - 1e-6
        assert len(of_type(sim.log[before:], EndRequest)) <= 1


@SOME
@given(settings_of_any_run(), BUDGETS, BUDGETS, MOVES)
def test_wherever_the_log_is_cut_the_rest_of_the_budget_is_the_same(given_settings, first, second, moves):
    sim = Simulation(planner_of(given_settings))
    sim.join()
    sim.join()
    for total_budget in (first, second):
        sim.request(1 if total_budget is None else None, total_budget=total_budget)
        play(sim, [move for move in moves[:20] if move[0] != "request"])
        sim.drain(some_loss)
    for cut in range(0, len(sim.log) + 1, 1 + len(sim.log) // 25):
        resumed = planner_of(given_settings)
        resumed.replay(sim.log[:cut])
        assert continued(resumed, sim.log, cut) == sim.log
        assert digest(resumed) == digest(sim.planner)


class Noted(LearningGenerator):
    def __init__(self):
        super().__init__()
        self.notes = []

    def new_job(self, job):
        super().new_job(job)
        self.notes.append(("new_job", job.config_id[2], job.budget))

    def withdraw(self, job):
        super().withdraw(job)
        self.notes.append(("withdraw", job.config_id[2], job.budget))

    def new_result(self, job, update_model=True):
        super().new_result(job)
        self.notes.append(("new_result", job.id[2], job.kwargs["budget"]))


@pytest.mark.parametrize("make", [make_planner, make_async_planner])
def test_a_generator_is_told_of_each_job_and_of_its_end(make):
    sim = simulation(make, generator=Noted(), max_attempts=1)
    sim.request(1)
    sim.finish("w0", succeeded(0.5))
    sim.finish("w0", FAILED)
    sim.lose("w0")
    sim.join()
    sim.cancel()
    notes = sim.planner.generator.notes
    started = [note for note in notes if note[0] == "new_job"]
    assert [note for note in notes if note[0] != "new_job"] == [
        ("new_result", 0, 1),
        ("new_result", 1, 1),
        ("withdraw", 2, 1),
        *(("withdraw", *note[1:]) for note in started[3:]),
    ]


def test_a_replay_tells_the_generator_the_same():
    sim = simulation(make_async_planner, hyperband_brackets(1, 9), n_workers=3, generator=Noted())
    sim.request(4)
    for loss, _ in zip(itertools.cycle([0.3, 0.1, 0.2]), range(20), strict=False):
        sim.finish(sim.busy[0], succeeded(loss))
    sim.lose("w0")
    replayed = make_async_planner(hyperband_brackets(1, 9), generator=Noted())
    replayed.replay(sim.log)
    assert replayed.generator.notes == sim.planner.generator.notes


def test_requests_stand_in_the_log_with_what_they_may_cost():
    sim = simulation()
    sim.request(2, deadline=99.0, total_budget=7.0)
    assert of_type(sim.log, RunRequested) == [RunRequested(2.0, 2, 99.0, 7.0, is_open_ended=False)]
