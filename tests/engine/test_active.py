"""Which iterations are asked for the next job, and that none is forgotten."""

from __future__ import annotations

import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpbandster_ng.engine.active import ActiveIterations
from hpbandster_ng.engine.events import QueueJob
from hpbandster_ng.engine.iteration import Iteration
from hpbandster_ng.engine.schedule import Bracket
from hpbandster_ng.engine.steps import Choose, Promote, Sample, Start, Wait
from hpbandster_ng.optimizers.iterations import AsynchronousHalving, SuccessiveHalving, SuccessiveResampling
from tests.engine.driver import Simulation, make_async_planner, make_planner, of_type, succeeded
from tests.engine.test_planner_choices import Modelled
from tests.engine.test_planner_properties import MANY, MOVES, play, settings_of_a_run, some_loss

BRACKETS = (Bracket((3, 1), (1, 3)),)


class AskEveryone(ActiveIterations):
    """The plain rule, which remembers nothing."""

    def next_step(self):
        answers = ((iteration, iteration.next_step()) for iteration in self)
        return next((answer for answer in answers if isinstance(answer[1], Promote | Sample | Start | Choose)), None)


class Sibling(SuccessiveHalving):
    """Knows the brackets before it."""

    def __init__(self, number, num_configs, budgets, sampler):
        super().__init__(number, num_configs, budgets, sampler)
        family = vars(sampler.__self__).setdefault("family", [])
        self.earlier = tuple(family)
        family.append(self)


def one_after_the_other(bracket):
    """A bracket begins when those before it have ended their lowest rung."""
    return Wait() if any(each.stage == 0 for each in bracket.earlier) else Iteration.next_step(bracket)


class OfAClass(Sibling):
    next_step = one_after_the_other


class OfAnInstance(Sibling):
    def __init__(self, *args):
        super().__init__(*args)
        self.next_step = types.MethodType(one_after_the_other, self)


OWN_RULES = (OfAClass, OfAnInstance)
KINDS = (SuccessiveHalving, SuccessiveResampling, AsynchronousHalving, Modelled, *OWN_RULES)


def started(given_settings, active, n_workers, total_budget):
    kwargs = dict(given_settings)
    make = make_async_planner if issubclass(kwargs["iteration_type"], AsynchronousHalving) else make_planner
    planner = make(generator=kwargs.pop("generator_type")(), **kwargs)
    planner._active = active
    sim = Simulation(planner)
    for _ in range(n_workers):
        sim.join()
    sim.request(3, total_budget=total_budget)
    return sim


@MANY
@given(settings_of_a_run(KINDS), MOVES, MOVES, st.integers(1, 8), st.none() | st.integers(20, 80), st.booleans())
def test_the_decisions_are_those_of_a_planner_that_asks_everyone(
    given_settings, moves, more, n_workers, total_budget, is_cancelled
):
    logs = []
    for active in (ActiveIterations(), AskEveryone()):
        sim = play(started(given_settings, active, n_workers, total_budget), moves)
        if is_cancelled:
            sim.cancel()
            sim.request(1)
        play(sim, more)
        sim.drain(some_loss)
        logs.append(sim.log)
    assert logs[0] == logs[1]


@pytest.fixture
def asked(monkeypatch):
    """The numbers of the brackets that were asked, in order."""
    numbers = []
    original = Iteration.next_step

    def next_step(self):
        numbers.append(self.HPB_iter)
        return original(self)

    monkeypatch.setattr(Iteration, "next_step", next_step)
    return numbers


def test_of_a_hundred_brackets_that_wait_only_those_with_a_result_are_asked(asked):
    sim = Simulation(make_planner(BRACKETS))
    sim._check = lambda: None  # it asks them all
    sim.request(100)
    for _ in range(301):
        sim.join()
    asked.clear()
    sim.join()
    assert asked == []
    sim.finish("w100", succeeded(1.0))
    assert asked == [33]
    sim.finish("w0", succeeded(1.0))
    sim.finish("w1", succeeded(2.0))
    assert asked == [33, 0, 0]
    decisions = sim.finish("w2", succeeded(3.0))
    assert asked == [33, 0, 0, 0, 0]
    assert [decision.job.key for decision in of_type(decisions, QueueJob)] == [((0, 0, 0), 3)]


def end_job(iteration):
    (config_id,) = iteration.data
    result = {"loss": 1.0, "info": None}
    job = types.SimpleNamespace(id=config_id, kwargs={"budget": 1}, result=result, exception=None, timestamps={})
    iteration.register_result(job)
    iteration.process_results()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 1, 0, 2, 2, 0)])
def test_of_those_that_were_woken_the_oldest_comes_first_and_each_is_asked_once(asked, order):
    active = ActiveIterations()
    brackets = [SuccessiveHalving(number, [1, 1], [1, 3], lambda budget: ({}, {})) for number in range(3)]
    for iteration in brackets:
        active.open(iteration)
        assert active.next_step() == (iteration, Sample(1))
        iteration.get_next_run()
    assert active.next_step() is None
    asked.clear()
    for number in order:
        active.wake(number)
    assert active.next_step() is None
    assert asked == [0, 1, 2]
    for iteration in brackets:
        end_job(iteration)
    for number in order:
        active.wake(number)
    for iteration in brackets:
        assert active.next_step() == (iteration, Promote((iteration.HPB_iter, 0, 0), 3))
        iteration.get_next_run()
    assert active.next_step() is None


@pytest.mark.parametrize("kind", OWN_RULES)
def test_a_rule_of_a_users_own_may_end_the_wait_of_one_bracket_by_a_result_of_another(kind):
    sim = Simulation(make_planner(BRACKETS, iteration_type=kind))
    for _ in range(4):
        sim.join()
    sim.request(2)
    assert len(sim.busy) == 3
    for i in range(3):
        assert {job.config_id[0] for job in (event.job for event in of_type(sim.log, QueueJob))} == {0}
        sim.finish(f"w{i}", succeeded(float(i)))
    keys = [event.job.key for event in of_type(sim.log, QueueJob)[3:]]
    assert keys == [((0, 0, 0), 3), ((1, 0, 0), 1), ((1, 0, 1), 1), ((1, 0, 2), 1)]


def test_who_says_that_it_is_done_but_is_not_complete_is_asked_again():
    class Opens(SuccessiveHalving):
        is_closed = False
        is_finished = property(lambda self: self.is_closed)

    active = ActiveIterations()
    active.open(Opens(0, [1], [9], None))
    Opens.is_closed = True
    assert active.next_step() is None
    Opens.is_closed = False
    assert active.next_step()[1] == Sample(9)


def test_what_is_complete_is_neither_asked_nor_woken():
    active = ActiveIterations()
    for number in range(2):
        active.open(SuccessiveHalving(number, [1], [9], None))
    active.complete(0)
    active.complete(0)
    active.wake(0)
    assert active.numbers == [1]
    assert active.next_step()[0].HPB_iter == 1
    assert len(active) == 1
