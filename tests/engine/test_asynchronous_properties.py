"""What holds of asynchronous iterations in any order of completions, failures, losses, joins and reports."""

from __future__ import annotations

import dataclasses
import math

from hypothesis import given
from hypothesis import strategies as st

from hpbandster_ng.engine.events import EndJob, OpenIteration, QueueJob
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.engine.schedule import hyperband_brackets
from hpbandster_ng.optimizers.iterations import AsynchronousHalving
from tests.engine.driver import LearningGenerator, Simulation, make_async_planner, of_type
from tests.engine.test_planner_properties import MANY, MOVES, SOME, play, settings_of_a_run, some_loss, start

ETA = 3


@st.composite
def settings_of_an_asynchronous_run(draw):
    """With a pool that wants a job for every worker."""
    given_settings = draw(settings_of_a_run((AsynchronousHalving,)))
    return {**given_settings, "queue_sizes": draw(st.sampled_from([(-1, 0), (0, 1), (0, 5)]))}


def assert_every_worker_is_busy_while_there_is_something_to_spend(sim):
    if sim.planner.active_iterations or len(sim.planner.iterations) < sim.planner._num_requested:
        assert len(sim.busy) == len(sim.running)


@MANY
@given(settings_of_an_asynchronous_run(), st.integers(0, 8), MOVES)
def test_no_worker_waits_before_the_last_iteration_is_handed_out(given_settings, n_workers, moves):
    sim = play(start(given_settings, n_workers), moves, assert_every_worker_is_busy_while_there_is_something_to_spend)
    sim.drain(some_loss)
    assert sim.planner.is_finished
    assert not sim.planner.pool.tasks


@MANY
@given(settings_of_an_asynchronous_run(), MOVES)
def test_the_iterations_spend_what_their_brackets_cost_and_less_than_one_job_more(given_settings, moves):
    sim = play(start(given_settings), moves)
    sim.drain(some_loss)
    brackets = given_settings["brackets"]
    due = spent = 0.0
    opened = -1
    for event in sim.log:
        if isinstance(event, OpenIteration):
            assert spent >= due * (1 - 1e-9)
            assert spent < due + max(brackets[0].budgets)
            opened += 1
            due += brackets[opened % len(brackets)].total_budget
        elif isinstance(event, QueueJob):
            assert spent < due
            spent += event.job.budget
    assert spent >= due * (1 - 1e-9)


class Table:
    """The rungs of one bracket as plain lists, and the rule as the papers write it."""

    def __init__(self, budgets):
        self.budgets = budgets
        self.entered = {budget: [] for budget in budgets}
        self.losses = {budget: {} for budget in budgets}
        self.gone = []

    def may_go_on(self, config_id, budget):
        """Among the best 1/eta of the rung below, which has eta results for each that will be above."""
        below = self.budgets[self.budgets.index(budget) - 1]
        results = self.losses[below]
        ranking = sorted(results, key=lambda each: (results[each], self.entered[self.budgets[0]].index(each)))
        is_best = config_id in ranking[: math.floor(len(results) / ETA + 1e-9)]
        return is_best and len(results) / (len(self.entered[budget]) + 1) >= ETA - 1e-9


@MANY
@given(settings_of_an_asynchronous_run(), MOVES)
def test_every_promotion_obeys_the_rule_and_every_start_had_none_to_make(given_settings, moves):
    sim = play(start(given_settings, n_workers=3), moves)
    sim.drain(some_loss)
    tables = [Table(bracket.budgets) for bracket in given_settings["brackets"]]
    of_bracket: dict = {}
    for event in sim.log:
        if isinstance(event, QueueJob):
            config_id, budget = event.job.config_id, event.job.budget
            if config_id in of_bracket:
                assert of_bracket[config_id].may_go_on(config_id, budget)
            else:
                assert not any(
                    table.may_go_on(each, above)
                    for table in tables
                    for below, above in zip(table.budgets, table.budgets[1:], strict=False)
                    for each, loss in table.losses[below].items()
                    if loss < math.inf and each not in table.entered[above] + table.gone
                )
                of_bracket[config_id] = next(table for table in tables if table.budgets[0] == budget)
            of_bracket[config_id].entered[budget].append(config_id)
        elif isinstance(event, EndJob):
            config_id, budget = event.key
            table = of_bracket[config_id]
            if event.report.outcome.state is OutcomeState.LOST:
                table.entered[budget].remove(config_id)
                table.gone.append(config_id)
            else:
                table.losses[budget][config_id] = event.report.result["loss"] if event.report.result else math.inf


def test_a_configuration_of_the_first_iteration_is_promoted_by_a_later_one():
    sim = Simulation(make_async_planner(hyperband_brackets(1, 3, 3)[:1]))
    sim.join()
    sim.request(1)
    sim.drain(lambda job: float(job.config_id[2]))
    first = {config_id: dict(datum.results) for config_id, datum in sim.planner.iterations[0].data.items()}
    assert [len(results) for results in first.values()] == [2, 1, 1]
    sim.request(2)
    sim.drain(lambda job: 10.0 if job.config_id[0] else float(job.config_id[2]))
    promoted = [e.job for e in of_type(sim.log, QueueJob) if e.job.config_id == (0, 0, 1)]
    assert [job.budget for job in promoted] == [1, 3]
    later = [e.iteration for e in of_type(sim.log, OpenIteration) if e.at < of_type(sim.log, EndJob)[-1].at]
    assert later == [0, 1, 2]
    assert sim.planner.iterations[0].data[0, 0, 1].status == "COMPLETED"


@SOME
@given(settings_of_an_asynchronous_run(), MOVES)
def test_jobs_are_pending_until_they_end(given_settings, moves):
    sim = play(start({**given_settings, "generator_type": LearningGenerator}), moves)
    assert sim.planner.generator.pending.keys() == sim.planner.pool.tasks.keys()
    sim.cancel()
    assert not sim.planner.generator.pending


@SOME
@given(settings_of_an_asynchronous_run(), MOVES)
def test_ids_tell_the_iteration_and_the_rung_and_count_up(given_settings, moves):
    sim = play(start(given_settings), moves)
    sim.drain(some_loss)
    budgets = sim.planner.iterations[0].standings.budgets
    seen: dict = {}
    for job in (event.job for event in of_type(sim.log, QueueJob)):
        if job.config_id not in seen:
            iteration, rung, index = job.config_id
            assert budgets[rung] == job.budget
            assert index == sum(each[:2] == (iteration, rung) for each in seen)
            seen[job.config_id] = dataclasses.astuple(job)
