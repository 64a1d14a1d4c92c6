from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace

import ConfigSpace as CS
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpbandster_ng.engine.events import Eliminate, EndJob, QueueJob
from hpbandster_ng.engine.planner import Planner
from hpbandster_ng.engine.pool import Pool
from hpbandster_ng.engine.records import Job, JobReport, Outcome, OutcomeState
from hpbandster_ng.engine.schedule import hyperband_brackets
from hpbandster_ng.engine.steps import Choose, Done, Promote, Sample, Start
from hpbandster_ng.optimizers.config_generators.freeze_thaw import FreezeThaw
from hpbandster_ng.optimizers.iterations.freeze_thaw import FreezeThawIteration, FreezeThawStandings
from tests.engine import test_planner_properties as properties
from tests.engine.driver import Simulation, continued, of_type
from tests.engine.test_planner_properties import play
from tests.optimizers.config_generators.spaces import space_of

BRACKETS = hyperband_brackets(1, 9)
SPACE = space_of(CS.UniformFloatHyperparameter("x", 0, 1), CS.CategoricalHyperparameter("c", ["a", "b", "c"]))
MOVES = properties.MOVES.map(lambda moves: [move for move in moves if move[0] != "repeat"])
FEW = settings(max_examples=12, deadline=None)


class Asked:
    """A model that starts wherever it is told."""

    num_initial = 3

    def __init__(self):
        self.num_results = 0
        self.paused = None
        self.answer = Start({"x": 0.1}, {"model_based_pick": True}, 3.0)
        self.given_up = []
        self.eliminated = []

    def eliminate(self, config_id):
        self.eliminated.append(config_id)

    def get_config(self, budget):
        return {"x": 0.5}, {"model_based_pick": False}

    def choose(self, paused):
        self.paused = list(paused)
        return self.answer


def make(spend_until=1e9):
    return FreezeThawIteration(0, Asked(), FreezeThawStandings(BRACKETS, 3), spend_until)


def enter(iteration, budget=1.0, is_models=False, config_id=None):
    config_id = config_id or iteration.next_config_id(budget)
    job = Job(config_id, budget, {"x": 0.5}, {"model_based_pick": is_models})
    iteration.enter(job)
    return job


def end(iteration, job, loss=0.5, state=OutcomeState.SUCCEEDED):
    result = {"loss": loss, "info": None} if state is OutcomeState.SUCCEEDED else None
    if state is not OutcomeState.LOST:
        iteration.generator.num_results += 1
    iteration.register_result(JobReport(job, Outcome(state, result), "w", 0.0, 0.0, 1.0))


def begin(iteration, losses=(0.3, 0.1, 0.2)):
    jobs = [enter(iteration) for _ in losses]
    for job, loss in zip(jobs, losses, strict=True):
        end(iteration, job, loss)
    return jobs


class TestIteration:
    def test_begins_as_asynchronous_halving_from_the_lowest_rung(self):
        iteration = make()
        iteration.generator.num_initial = 10
        for _ in range(3):
            assert iteration.next_step() == Sample(1.0)
            end(iteration, enter(iteration), 0.5)
        assert iteration.next_step() == Promote((0, 0, 0), 3.0)

    def test_goes_on_starting_on_the_lowest_rung_while_first_results_are_awaited(self):
        iteration = make()
        for _ in range(40):
            assert iteration.next_step() == Sample(1.0)
            enter(iteration)

    def test_then_the_model_is_asked_until_the_net_is_behind_its_share(self):
        iteration = make()
        begin(iteration)
        net, spent = iteration.standings.net, iteration.standings.spent
        assert (net.spent, spent) == (3.0, 3.0)
        while not iteration.standings.is_net_due:
            assert iteration.next_step() == Choose(1.0, otherwise=Promote((0, 0, 1), 3.0))
            enter(iteration, 9.0, is_models=True)
            spent += 9.0
        assert iteration.standings.spent == spent
        assert 27 <= spent <= 45
        assert net.spent == 3.0
        assert iteration.next_step() == Promote((0, 0, 1), 3.0)
        enter(iteration, 3.0, config_id=(0, 0, 1))
        assert net.spent == 6.0
        assert iteration.next_step().budget == 1.0
        assert isinstance(iteration.next_step(), Choose)

    def test_the_nets_share_falls_from_a_tenth_to_a_twentieth(self):
        standings = FreezeThawStandings(BRACKETS, 3)
        shares = []
        for standings.num_results in (0, 100, 10**6):
            standings.spent, standings.net.spent = 1000.0, 0.0
            while standings.is_net_due:
                standings.net.spent += 0.1
            shares.append(standings.net.spent / 1000)
        assert shares == pytest.approx([0.1, 0.05 + 0.05 / math.e, 0.05], abs=2e-4)

    def test_what_the_model_chose_does_not_compete_in_the_net(self):
        iteration = make()
        jobs = begin(iteration)
        models = [enter(iteration, 1.0, is_models=True) for _ in range(6)]
        for job in models:
            end(iteration, job, -9.0)
        net = iteration.standings.net
        assert [job.config_id in net for job in jobs + models] == [True] * 3 + [False] * 6
        assert net.promotable() == ((0, 0, 1), 3.0)

    def test_what_is_thawed_out_of_the_net_is_known_to_both(self):
        iteration = make()
        begin(iteration)
        job = enter(iteration, 9.0, config_id=(0, 0, 1))
        standings = iteration.standings
        assert (standings.net.spent, standings.spent) == (12.0, 12.0)
        assert (0, 0, 1) not in dict(standings.paused())
        assert (0, 0, 1) not in dict(standings.net.paused())
        end(iteration, job, 0.05)
        assert dict(standings.paused()) == dict(standings.net.paused()) == {(0, 0, 0): 3.0, (0, 0, 2): 3.0}
        assert iteration.data[0, 0, 1].status == "COMPLETED"

    def test_the_model_sees_everyone_who_waits_and_its_answer_is_handed_on(self):
        iteration = make()
        begin(iteration)
        end(iteration, enter(iteration, 3.0, is_models=True), 0.4)
        end(iteration, enter(iteration, 1.0, is_models=True), 0.4, OutcomeState.FAILED)
        enter(iteration, 1.0, is_models=True)
        assert iteration.choose() is iteration.generator.answer
        waiting = {(0, 0, 0): 3.0, (0, 0, 1): 3.0, (0, 0, 2): 3.0, (0, 1, 0): 9.0}
        assert dict(iteration.generator.paused) == waiting

    @pytest.mark.parametrize("is_models", [True, False])
    @pytest.mark.parametrize("how", ["lost", "cancelled"])
    def test_what_was_lost_or_cancelled_waits_nowhere(self, is_models, how):
        iteration = make()
        begin(iteration)
        job = enter(iteration, 1.0, is_models=is_models)
        if how == "lost":
            end(iteration, job, state=OutcomeState.LOST)
        else:
            iteration.withdraw(job.config_id)
        assert iteration.data[job.config_id].status == {"lost": "CRASHED", "cancelled": "TERMINATED"}[how]
        assert job.config_id not in dict(iteration.standings.paused())
        assert job.config_id not in dict(iteration.standings.net.paused())
        assert iteration.standings.num_results == 3

    def test_whom_the_model_gives_up_is_out_unless_the_net_may_promote_it(self):
        iteration = make()
        (worst,) = begin(iteration, [0.9])
        models = enter(iteration, is_models=True)
        end(iteration, models, 0.8)
        iteration.generator.given_up = [worst.config_id, models.config_id]
        assert iteration.given_up() == [models.config_id]
        begin(iteration, [0.1] * 30)
        assert iteration.given_up() == [worst.config_id, models.config_id]
        assert list(iteration.process_results()) == []
        for config_id in iteration.given_up():
            iteration.eliminate(config_id)
            assert iteration.data[config_id].status == "TERMINATED"
        assert iteration.generator.eliminated == [worst.config_id, models.config_id]
        waiting = {**dict(iteration.standings.paused()), **dict(iteration.standings.net.paused())}
        assert not {worst.config_id, models.config_id} & waiting.keys()

    def test_is_done_when_its_share_is_spent(self):
        iteration = make(spend_until=12.0)
        begin(iteration)
        enter(iteration, 9.0, is_models=True)
        assert iteration.next_step() == Done()

    def test_what_a_run_costs_is_known_where_there_is_one_budget(self):
        assert FreezeThawStandings(BRACKETS, 3).budget_a_run is None
        assert FreezeThawStandings(hyperband_brackets(9.0, 9.0), 3).budget_a_run == 9.0


# With the model and the planner


def planner_of(seed=0, initial_configs=(), brackets=BRACKETS, **pool):
    standings = FreezeThawStandings(brackets, 3)
    generator = FreezeThaw(SPACE, standings.budgets)
    totals = [bracket.total_budget for bracket in brackets]

    def make_iteration(number):
        until = sum(totals[i % len(totals)] for i in range(number + 1))
        return FreezeThawIteration(number, generator, standings, until)

    return Planner(make_iteration, generator, Pool(**pool), seed, initial_configs)


def state(planner):
    """All that decides what is next, but for what only the same decisions can show."""
    standings = planner.iterations[0].standings if planner.iterations else None
    ladders = [] if standings is None else [standings._all, *standings.net._ladders]
    generator = planner.generator
    return {
        "data": [
            {config_id: dataclasses.asdict(datum) for config_id, datum in each.data.items()}
            for each in planner.iterations
        ],
        "steps": [each.next_step() for each in planner.iterations],
        "ladders": [(list(map(dataclasses.asdict, each._rungs)), dict(each._paused)) for each in ladders],
        "spent": standings and (standings.spent, standings.net.spent, standings.num_results),
        "tasks": [(key, task.job, task.state, task.attempt, task.worker) for key, task in planner.pool.tasks.items()],
        "generator": (generator.num_results, list(generator._pending), set(generator._taken)),
        "planner": (planner._num_picks, planner._num_jobs, planner._call.spent, planner.is_finished),
    }


def started(planner, n_workers=2, **request):
    sim = Simulation(planner)
    for _ in range(n_workers):
        sim.join()
    sim.request(**(request or {"n_iterations": 3}))
    return sim


def loss_of(sim):
    def loss(start):
        return (sim.planner.pool.tasks[start.key].job.config["x"] - 0.3) ** 2 + 0.1 / start.budget

    return loss


def assert_nobody_waits(sim):
    if sim.planner.active_iterations or len(sim.planner.iterations) < sim.planner._num_requested:
        assert len(sim.busy) == len(sim.running)


@FEW
@given(MOVES, st.integers(0, 9), st.integers(0, 8), st.sampled_from([(-1, 0), (0, 1), (0, 5)]))
def test_every_run_ends_and_no_worker_waits(moves, seed, n_workers, queue_sizes):
    """And, by the simulation's own checks, every configuration runs once a budget."""
    sim = play(started(planner_of(seed, queue_sizes=queue_sizes), n_workers), moves, assert_nobody_waits)
    sim.drain(loss_of(sim))
    assert sim.planner.is_finished
    assert not sim.planner.pool.tasks


@FEW
@given(MOVES, st.integers(0, 9), st.sampled_from([(), ({"x": 0.9, "c": "a"}, {"x": 0.8, "c": "b"})]))
def test_wherever_the_log_is_cut_the_same_is_decided_from_there(moves, seed, initial_configs):
    sim = play(started(planner_of(seed, initial_configs)), moves[:30])
    sim.drain(loss_of(sim))
    for cut in range(0, len(sim.log) + 1, 1 + len(sim.log) // 8):
        resumed = planner_of(seed, initial_configs)
        resumed.replay(sim.log[:cut])
        assert continued(resumed, sim.log, cut) == sim.log
        assert state(resumed) == state(sim.planner)


def test_a_batch_of_many_workers_is_resumed_in_the_middle():
    """Many decisions follow one report, and none in between."""
    sim = started(planner_of(), 1, n_iterations=30)
    for _ in range(12):
        sim.finish(sim.busy[0], SUCCESS)
    first = len(sim.log)
    for _ in range(20):
        sim.join()
    for cut in range(first, len(sim.log) + 1, 3):
        resumed = planner_of()
        resumed.replay(sim.log[:cut])
        assert continued(resumed, sim.log, cut) == sim.log


@pytest.mark.parametrize("n_workers", [2, 80])
def test_a_log_that_is_cut_where_the_model_gives_up_some_goes_on_the_same(n_workers):
    sim = started(planner_of(), n_workers, n_iterations=33)
    sim.drain(loss_of(sim))
    given_up = [number for number, event in enumerate(sim.log) if isinstance(event, Eliminate)]
    assert len(given_up) >= 3
    for cut in sorted({number + after for number in given_up for after in (0, 1)})[:: 1 + len(given_up) // 2]:
        resumed = planner_of()
        resumed.replay(sim.log[:cut])
        assert continued(resumed, sim.log, cut) == sim.log


SUCCESS = Outcome(OutcomeState.SUCCEEDED, {"loss": 0.5, "info": None})


@FEW
@given(MOVES, st.integers(0, 9), st.integers(1, 5))
def test_the_fold_of_the_log_shows_who_decided_what(moves, seed, n_workers):
    """Before the first results halving; then the net as long as it is behind, and else the model."""
    sim = play(started(planner_of(seed), n_workers), moves)
    sim.drain(loss_of(sim))
    folded = planner_of(seed)
    seen = SimpleNamespace(beginning=0, net=0, model=0)
    for event in sim.log:
        if isinstance(event, QueueJob):
            check_decision(folded, event.job, seen)
        folded.replay([event])
        for iteration in folded.iterations:
            for config_id, datum in iteration.data.items():
                assert (config_id in iteration.standings.net) is not datum.config_info["model_based_pick"]
    assert seen.beginning >= folded.generator.num_initial or len(of_type(sim.log, EndJob)) < 10
    assert seen.model > seen.net


def check_decision(planner, job, seen):
    standings, generator = planner.iterations[0].standings, planner.generator
    is_new = job.config_id not in standings._all
    is_nets = not job.config_info["model_based_pick"]
    if generator.num_results < generator.num_initial:
        seen.beginning += 1
        promotion = standings.net.promotable()
        assert (job.key == promotion) if promotion else (is_new and is_nets and job.budget == 1.0)
    elif standings.is_net_due:
        seen.net += 1
        promotion = standings.net.promotable()
        assert (job.key == promotion) if promotion else (is_new and is_nets)
        assert promotion or job.budget == standings.net.start_budget()
    else:
        seen.model += 1
        assert not is_new or not is_nets
        assert is_new or job.budget >= dict(standings.paused())[job.config_id]


def test_lost_and_failed_jobs_of_every_kind_leave_a_run_that_goes_on():
    sim = started(planner_of(max_attempts=1), 3, n_iterations=6)
    for number in range(60):
        if number % 7 == 6:
            sim.lose(next(iter(sim.running)))
            sim.join()
        elif sim.busy:
            failed = number % 5 == 4
            sim.finish(sim.busy[0], Outcome(OutcomeState.FAILED, error="...") if failed else SUCCESS)
    sim.drain(loss_of(sim))
    assert sim.planner.is_finished
    states = {event.report.outcome.state for event in of_type(sim.log, EndJob)}
    assert states == {OutcomeState.SUCCEEDED, OutcomeState.FAILED, OutcomeState.LOST}
