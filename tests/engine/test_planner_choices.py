"""A model that decides what runs next: the step Choose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpbandster_ng.engine.events import QueueJob
from hpbandster_ng.engine.schedule import hyperband_brackets
from hpbandster_ng.engine.steps import Choose, Promote, Sample, Start
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers.iterations import AsynchronousHalving, Ladder
from tests.engine.driver import (
    LearningGenerator,
    Simulation,
    continued,
    digest,
    make_async_planner,
    of_type,
    succeeded,
)
from tests.engine.test_planner_properties import MOVES, SOME, play, some_loss

BRACKETS = hyperband_brackets(1, 9)


class Standings(Ladder):
    """One ladder on which a configuration may start anywhere."""

    spent = 0.0

    def enter(self, config_id, budget):
        super().enter(config_id, budget)
        self.spent += budget


class Modelled(AsynchronousHalving):
    """Starts on a random rung, or sends whoever waits to a random higher one."""

    def __init__(self, number, sampler, brackets, until):
        brackets.of_all = getattr(brackets, "of_all", None) or Standings(brackets.budgets, 3)
        super().__init__(number, sampler, brackets.of_all, until)
        self.generator = sampler.__self__

    def _next(self):
        return Choose(self.standings.budgets[0], otherwise=Sample(self.standings.budgets[-1]))

    def choose(self):
        rng, budgets = self.generator.rng, self.standings.budgets
        paused = list(self.standings.paused())
        if paused and rng.random() < 0.5:
            config_id, budget = paused[rng.integers(len(paused))]
            return Promote(config_id, budgets[rng.integers(budgets.index(budget), len(budgets))])
        config, info = self.config_sampler(budgets[0])
        return Start(config, info, budgets[rng.integers(len(budgets))])


def simulation(iteration_type=Modelled, n_workers=2, **kwargs):
    planner = make_async_planner(BRACKETS, iteration_type=iteration_type, **kwargs)
    sim = Simulation(planner)
    for _ in range(n_workers):
        sim.join()
    return sim


def jobs_of(sim):
    return [event.job for event in of_type(sim.log, QueueJob)]


def test_the_model_starts_on_any_rung_and_promotes_from_any_iteration():
    sim = simulation()
    sim.request(4)
    sim.drain(some_loss)
    assert sim.planner.is_finished
    jobs = jobs_of(sim)
    assert {job.config_id[1] for job in jobs} == {0, 1, 2}
    ids = [job.config_id for job in jobs]
    assert any(ids.index(config_id) < i and ids[i - 1][0] > config_id[0] for i, config_id in enumerate(ids))


def test_configurations_of_the_user_come_first_on_the_budget_that_the_iteration_names():
    mine = [{"x": -1}, {"x": -2}, {"x": -3}]
    sim = simulation(initial_configs=mine)
    sim.request(1)
    sim.drain(some_loss)
    assert [(job.config, job.budget) for job in jobs_of(sim)[:3]] == [(config, 1.0) for config in mine]


def test_each_decision_has_random_numbers_of_its_own():
    class Told(Modelled):
        def choose(self):
            self.generator.drawn.append(self.generator.rng.random())
            return Start({}, {}, 1.0)

    generator = LearningGenerator()
    generator.drawn = []
    sim = simulation(Told, generator=generator, seed=0)
    sim.request(2)
    sim.drain(some_loss)
    others = []
    for i in range(len(generator.drawn)):
        generator.seed(0, i)
        others.append(generator.rng.random())
    assert len({*generator.drawn, *others}) == 2 * len(generator.drawn)


@pytest.mark.parametrize("choice", [None, ({"x": 1}, {}), Choose(1.0, Sample(1.0))])
def test_a_choice_of_something_else_is_one_clear_error(choice):
    class Odd(Modelled):
        def choose(self):
            return choice

    with pytest.raises(
        InvalidArgumentError, match=r"^choose=.* must be a Start or a Promote; correct what Odd returns"
    ):
        simulation(Odd).request(1)


def test_a_choice_that_cannot_be_sent_fails_and_is_told_to_nobody():
    class Unsendable(Modelled):
        def choose(self):
            return Start({"model": object()}, {}, 9.0)

    sim = simulation(Unsendable)
    sim.request(1)
    assert sim.planner.is_finished
    assert [job.config for job in jobs_of(sim)] == [{"model": "<object>"}] * 3
    assert sim.planner.generator.learned == []
    assert sim.planner.generator.pending == {}


@SOME
@given(MOVES, st.integers(0, 3), st.sampled_from([(), ({"x": -1}, {"x": -2})]))
def test_wherever_the_log_is_cut_the_same_is_chosen_from_there(moves, seed, initial_configs):
    def planner():
        return make_async_planner(BRACKETS, iteration_type=Modelled, seed=seed, initial_configs=initial_configs)

    sim = Simulation(planner())
    sim.join()
    sim.join()
    sim.request(2, total_budget=60.0)
    play(sim, moves[:30])
    sim.drain(some_loss)
    for cut in range(0, len(sim.log) + 1, 1 + len(sim.log) // 20):
        resumed = planner()
        resumed.replay(sim.log[:cut])
        assert continued(resumed, sim.log, cut) == sim.log
        assert digest(resumed) == digest(sim.planner)


class Careful(Modelled):
    """Says who decided."""

    def choose(self):
        return Start({"x": 0.5}, {"model": True}, 1.0)


def deciders(n_workers, lag, seconds):
    """Whether the model decided what a worker does after an evaluation of so many seconds, waited for that long."""
    sim = simulation(Careful, n_workers=n_workers)
    sim.request(20)
    worker = sim.busy[0]
    sim.clock += seconds - 1.0
    decisions = sim.finish(worker, succeeded(0.5), lag)
    queued = of_type(decisions, QueueJob)
    assert queued
    return {(job.config_info.get("model", False), job.budget) for job in (event.job for event in queued)}


BY_MODEL, BY_NET = {(True, 1.0)}, {(False, 9.0)}


@pytest.mark.parametrize(
    ("n_workers", "lag", "seconds", "expected"),
    [
        (64, 0.0, 1.0, BY_MODEL),
        (64, 1.0, 10.0, BY_MODEL),
        (64, 1.1, 10.0, BY_NET),
        (64, 4.9, 100.0, BY_MODEL),
        (64, 5.1, 100.0, BY_NET),
        (63, 9.0, 10.0, BY_MODEL),
    ],
)
def test_among_many_workers_none_waits_long_for_a_model(n_workers, lag, seconds, expected):
    assert deciders(n_workers, lag, seconds) == expected


def test_after_a_late_decision_the_model_is_asked_again():
    sim = simulation(Careful, n_workers=64)
    sim.request(20)
    for lag, by_model in ((9.0, False), (0.0, True), (9.0, False)):
        (queued,) = of_type(sim.finish(sim.busy[0], succeeded(0.5), lag), QueueJob)
        assert ("model" in queued.job.config_info) is by_model


def test_a_log_with_late_decisions_is_folded_to_the_same_state():
    sim = simulation(n_workers=64)
    sim.request(100)
    for i in range(100):
        sim.finish(sim.busy[0], succeeded(i * 7 % 10), lag=9.0 * (i % 3))
    other = simulation(n_workers=0).planner
    other.replay(sim.log)
    assert digest(other) == digest(sim.planner)
