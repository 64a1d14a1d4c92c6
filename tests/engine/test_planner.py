"""Tables and stories; what holds in any order of happenings is in test_planner_properties.py."""

from __future__ import annotations

import time
from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest

from hpbandster_ng.engine.config_generator import ConfigGenerator
from hpbandster_ng.engine.events import (
    Eliminate,
    EndJob,
    JobFinished,
    OpenIteration,
    QueueJob,
    RunRequested,
    StartJob,
    Tick,
    WorkerJoined,
)
from hpbandster_ng.engine.planner import Planner
from hpbandster_ng.engine.pool import Pool
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.engine.schedule import Bracket, Plan, hyperband_brackets, repeat
from hpbandster_ng.errors import IllegalTransitionError, InvalidArgumentError
from hpbandster_ng.optimizers.iterations import SuccessiveHalving, SuccessiveResampling
from tests.engine.driver import (
    FAILED,
    LearningGenerator,
    Simulation,
    continued,
    digest,
    make_planner,
    of_type,
    rows_executed,
    succeeded,
)

SMALL = (Bracket((3, 1), (1, 3)),)


def simulation(*args, **kwargs):
    return Simulation(make_planner(*args, **kwargs))


def kinds(decisions):
    return [type(decision).__name__ for decision in decisions]


class TestDecisions:
    def test_one_worker_one_bracket_step_by_step(self):
        sim = simulation(SMALL)
        assert kinds(sim.join()) == []
        assert kinds(sim.request(1)) == ["OpenIteration", "QueueJob", "StartJob"]
        for _ in range(2):
            assert kinds(sim.finish("w0", succeeded(0.5))) == ["EndJob", "QueueJob", "StartJob"]
        (_, *out, promoted, started) = sim.finish("w0", succeeded(0.1))
        assert out == [Eliminate(promoted.at, (0, 0, 0)), Eliminate(promoted.at, (0, 0, 1))]
        assert (promoted.job.config_id, promoted.job.budget) == ((0, 0, 2), 3)
        assert started == StartJob(promoted.at, (0, 0, 2), 3, 1, "w0", previous_budget=1)
        assert not sim.planner.is_finished
        assert kinds(sim.finish("w0", succeeded(0.1))) == ["EndJob"]
        assert sim.planner.is_finished
        assert sim.planner.active_iterations == []

    def test_without_workers_nothing_is_decided(self):
        assert simulation(SMALL).request(3) == []

    def test_a_worker_that_waits_for_a_rung_begins_the_next_bracket(self):
        sim = simulation(SMALL)
        for _ in range(4):
            sim.join()
        sim.request(2)
        assert sim.planner.active_iterations == [0, 1]
        assert [sim.running[f"w{i}"].config_id for i in range(4)] == [(0, 0, 0), (0, 0, 1), (0, 0, 2), (1, 0, 0)]

    def test_earlier_brackets_come_first(self):
        sim = simulation(SMALL)
        for _ in range(4):
            sim.join()
        sim.request(2)
        for worker in ("w0", "w1"):
            sim.finish(worker, succeeded(1.0))
        sim.finish("w2", succeeded(0.0))
        assert (sim.running["w2"].config_id, sim.running["w2"].budget) == ((0, 0, 2), 3)

    def test_a_loss_moves_the_job_to_another_worker_with_the_same_configuration_and_budget(self):
        sim = simulation(SMALL)
        sim.join()
        sim.join()
        sim.request(1)
        lost = sim.running["w0"]
        assert sim.lose("w0") == []
        assert kinds(sim.finish("w1", succeeded(1.0))) == ["EndJob", "StartJob"]
        again = sim.running["w1"]
        assert (again.key, again.attempt) == (lost.key, 2)

    def test_time_alone_starts_nothing(self):
        sim = simulation(SMALL)
        sim.join()
        sim.request(1)
        assert sim.handle(Tick(99.0)) == []

    @pytest.mark.parametrize("brackets", [hyperband_brackets(1, 9, 3), hyperband_brackets(9, 243, 3, "paper")])
    @pytest.mark.parametrize("iteration_type", [SuccessiveHalving, SuccessiveResampling])
    @pytest.mark.parametrize("sizes", [(-1, 0), (0, 5)])
    def test_executed_equals_planned(self, brackets, iteration_type, sizes):
        sim = simulation(brackets, iteration_type=iteration_type, queue_sizes=sizes)
        sim.join()
        sim.join()
        sim.request(5)
        sim.drain(lambda start: start.config_id[2])
        plan = repeat(brackets, 0, 5)
        assert rows_executed(sim.log) == plan.rows
        assert len(of_type(sim.log, EndJob)) == plan.num_runs

    def test_another_request_adds_iterations(self):
        brackets = hyperband_brackets(1, 9, 3)
        sim = simulation(brackets)
        sim.join()
        for n in (2, 1):
            sim.request(n)
            sim.drain(lambda start: 0.0)
            assert sim.planner.is_finished
        assert rows_executed(sim.log) == repeat(brackets, 0, 3).rows

    def test_an_illegal_happening_tells_the_story(self):
        sim = simulation(SMALL)
        sim.join("w")
        with pytest.raises(IllegalTransitionError, match="'w' cannot join: it is here already"):
            sim.planner.handle(WorkerJoined(1.0, "w"))

    def test_queued_jobs_in_stock_start_without_a_further_decision(self):
        sim = simulation((Bracket((9,), (1,)),), queue_sizes=(0, 2))
        sim.join()
        assert kinds(sim.request(1)) == ["OpenIteration", "QueueJob", "StartJob", "QueueJob", "QueueJob"]
        assert kinds(sim.finish("w0", succeeded(0.0))) == ["EndJob", "StartJob"]


class TestPicks:
    def test_initial_configs_run_first_in_order_and_say_so(self):
        mine = [{"x": -1}, {"x": np.int64(-2)}, {"x": -3}]
        sim = simulation(initial_configs=mine)
        sim.join()
        sim.join()
        sim.request(1)
        sim.drain(lambda start: 0.0)
        jobs = [event.job for event in of_type(sim.log, QueueJob) if event.job.budget == 1]
        assert [job.config for job in jobs[:3]] == [{"x": -1}, {"x": -2}, {"x": -3}]
        assert type(jobs[1].config["x"]) is int
        assert jobs[2].config_info == {
            "model_based_pick": False,
            "random_reason": "an initial configuration of the user",
        }
        assert "best" in jobs[3].config

    def test_more_initial_configs_than_the_first_bracket_holds_go_on_in_the_next(self):
        sim = simulation(SMALL, initial_configs=[{"x": -i} for i in range(5)])
        sim.join()
        sim.request(2)
        sim.drain(lambda start: 0.0)
        first = [event.job.config for event in of_type(sim.log, QueueJob) if event.job.budget == 1]
        assert first[:5] == [{"x": -i} for i in range(5)]
        assert "best" in first[5]

    def test_the_seed_and_the_order_of_completions_make_the_configurations(self):
        def configs(seed):
            sim = simulation(seed=seed)
            sim.join()
            sim.join()
            sim.request(2)
            sim.drain(lambda start: start.config_id[2] % 5)
            return [event.job.config for event in of_type(sim.log, QueueJob)]

        assert configs(1) == configs(1)
        assert configs(1)[0] != configs(2)[0]

    def test_the_kth_pick_does_not_depend_on_how_often_others_drew(self):
        class Greedy(LearningGenerator):
            def get_config(self, budget):
                config = super().get_config(budget)
                self.rng.random(len(self.learned))
                return config

        def xs(generator):
            sim = simulation(SMALL, generator=generator)
            sim.join()
            sim.request(2)
            sim.drain(lambda start: 0.5)
            return [event.job.config["x"] for event in of_type(sim.log, QueueJob)]

        assert xs(Greedy()) == xs(LearningGenerator())

    def test_picks_become_plain(self):
        class Numpy(ConfigGenerator):
            def get_config(self, budget):
                return {"x": np.float32(0.5), "n": np.int64(3)}, {"score": np.float64(1), "by": np.array([1, 2])}

        sim = simulation(SMALL, generator=Numpy())
        sim.join()
        job = sim.request(1)[1].job
        assert (repr(job.config), repr(job.config_info)) == ("{'x': 0.5, 'n': 3}", "{'score': 1.0, 'by': [1, 2]}")

    @pytest.mark.parametrize("pick", [None, {"x": 1}, ({"x": 1}, None), ({"x": 1}, "random"), ([1], {}), ({}, {}, {})])
    def test_a_generator_that_returns_something_else_is_one_clear_error(self, pick):
        class Odd(LearningGenerator):
            def get_config(self, budget):
                return pick

        sim = simulation(SMALL, generator=Odd())
        sim.join()
        with pytest.raises(InvalidArgumentError, match=r"^get_config=.* two dicts; return config, \{\}"):
            sim.request(1)

    def test_an_iteration_that_needs_a_sampler_and_has_none(self):
        planner = Planner(lambda i: SuccessiveHalving(i, [1], [1], None), LearningGenerator(), Pool(), 0)
        planner.handle(WorkerJoined(0.0, "w"))
        with pytest.raises(InvalidArgumentError, match="config_sampler=None is needed by iteration 0"):
            planner.handle(RunRequested(0.0, 1))

    @pytest.mark.parametrize(
        ("make_iteration", "parameter"),
        [
            (lambda i: SuccessiveHalving(7, [1], [1], None), "HPB_iter=7 must be 0"),
            (lambda i: SuccessiveHalving(i, [0, 1], [1, 3], None), "num_configs=.* at least one"),
        ],
    )
    def test_a_bracket_with_which_the_run_would_never_end_is_refused(self, make_iteration, parameter):
        planner = Planner(make_iteration, LearningGenerator(), Pool(), 0)
        planner.handle(WorkerJoined(0.0, "w"))
        with pytest.raises(InvalidArgumentError, match=parameter):
            planner.handle(RunRequested(0.0, 1))


class TestLearning:
    def test_successes_and_failures_are_told_losses_and_cancellations_are_not(self):
        sim = simulation((Bracket((4,), (1,)),), max_attempts=1)
        sim.join()
        sim.request(1)
        sim.finish("w0", succeeded(0.5))
        sim.finish("w0", FAILED)
        sim.lose("w0")
        sim.join()
        sim.cancel()
        outcomes = [event.report.outcome.state for event in of_type(sim.log, EndJob)]
        assert outcomes == [
            OutcomeState.SUCCEEDED,
            OutcomeState.FAILED,
            OutcomeState.LOST,
            OutcomeState.CANCELLED,
        ]
        assert [event.config_id for event in of_type(sim.log, Eliminate)] == [(0, 0, 1), (0, 0, 2)]
        learned = sim.planner.generator.learned
        assert [(job.id, job.result, job.exception) for job in learned] == [
            ((0, 0, 0), {"loss": 0.5, "info": None}, None),
            ((0, 0, 1), None, "Traceback ..."),
        ]
        assert learned[0].kwargs["budget"] == 1

    def test_what_was_cancelled_is_no_crash(self):
        sim = simulation(SMALL)
        sim.join()
        sim.request(1)
        sim.cancel()
        (datum,) = sim.planner.iterations[0].data.values()
        assert (datum.results, datum.exceptions, datum.status) == ({}, {}, "TERMINATED")

    def test_a_configuration_that_was_lost_does_not_advance_and_the_bracket_goes_on(self):
        sim = simulation(SMALL, max_attempts=1)
        sim.join()
        sim.request(1)
        sim.lose("w0")
        sim.drain(lambda start: start.config_id[2])
        assert sim.planner.is_finished
        assert rows_executed(sim.log) == ((0, 0, 3, 1, 3), (0, 1, 1, 3, 3))
        assert of_type(sim.log, EndJob)[-1].report.id == (0, 0, 1)

    def test_the_rung_that_a_result_completes_opens_after_the_generator_has_learned_of_it(self):
        sim = simulation(SMALL)
        sim.join()
        sim.request(2)
        for _ in range(4):
            sim.finish("w0", succeeded(0.5))
        assert sim.running["w0"].config_id == (1, 0, 0)
        assert of_type(sim.log, QueueJob)[-1].job.config_info == {"learned": 4}


class Unsendable(LearningGenerator):
    """Every second configuration holds what cannot be sent."""

    every = 2

    def get_config(self, budget):
        config, info = super().get_config(budget)
        if int(config["x"] * 1e9) % self.every == 0:
            config["model"] = SimpleNamespace()
        return config, info


class AlwaysUnsendable(Unsendable):
    every = 1


class TestWhatCannotBeSent:
    def test_it_ends_as_one_failure_that_names_key_and_type(self):
        sim = simulation(generator=AlwaysUnsendable())
        sim.join()
        sim.request(1)
        report = of_type(sim.log, EndJob)[0].report
        assert report.outcome.state is OutcomeState.FAILED
        assert "config['model'] is of type types.SimpleNamespace" in report.exception
        assert report.kwargs["config"]["model"] == "<SimpleNamespace>"
        assert report.kwargs["config"]["best"] == 0.5
        assert report.worker_name is None

    def test_a_run_in_which_every_configuration_is_so_ends(self):
        sim = simulation(generator=AlwaysUnsendable())
        sim.join()
        sim.request(3)
        assert sim.planner.is_finished
        assert of_type(sim.log, StartJob) == []
        assert len(of_type(sim.log, EndJob)) == 9 + 3 + 3

    def test_the_others_run(self):
        sim = simulation(generator=Unsendable())
        sim.join()
        sim.request(3)
        sim.drain(lambda start: start.config_id[2])
        assert sim.planner.is_finished
        failed = [event for event in of_type(sim.log, EndJob) if event.report.result is None]
        assert 0 < len(failed) < 15

    def test_the_generator_is_not_told_of_the_readable_substitute(self):
        sim = simulation(generator=AlwaysUnsendable())
        sim.join()
        sim.request(1)
        assert sim.planner.generator.learned == []

    def test_neither_may_the_info_be(self):
        class BadInfo(LearningGenerator):
            def get_config(self, budget):
                return {"x": 1}, {"model": {1: object()}}

        sim = simulation(SMALL, generator=BadInfo())
        sim.join()
        sim.request(1)
        assert "config_info['model'][1] is of type object" in of_type(sim.log, EndJob)[0].report.exception
        assert sim.planner.is_finished


class TestStopping:
    def test_from_the_deadline_on_nothing_starts_but_what_runs_may_end(self):
        sim = simulation(SMALL)
        sim.join()
        sim.join()
        sim.request(1, deadline=5.0)  # at 3.0
        assert kinds(sim.finish("w0", succeeded(0.5))) == ["EndJob", "QueueJob", "StartJob"]
        assert kinds(sim.finish("w0", succeeded(0.5))) == ["EndJob"]
        assert kinds(sim.finish("w1", succeeded(0.5))) == ["EndJob", "Eliminate", "Eliminate"]
        assert not sim.planner.is_finished

    def test_a_request_without_deadline_goes_on_where_it_stopped(self):
        sim = simulation(SMALL)
        sim.join()
        sim.request(1, deadline=3.0)
        sim.finish("w0", succeeded(0.5))
        assert not sim.busy
        sim.request(1)
        sim.drain(lambda start: 0.5)
        assert rows_executed(sim.log) == Plan(SMALL * 2).rows

    def test_cancelling_gives_every_open_job_one_outcome_and_ends_the_run(self):
        sim = simulation(queue_sizes=(0, 3))
        sim.join()
        sim.request(1)
        assert len(sim.planner.pool.tasks) == 4
        decisions = sim.cancel()
        assert kinds(decisions) == ["EndJob"] * 4
        assert {d.report.outcome.state for d in decisions} == {OutcomeState.CANCELLED}
        assert {d.report.exception for d in decisions} == {"enough"}
        assert sim.planner.is_finished
        assert sim.cancel() == []
        assert sim.join() == []
        assert sim.finish("w0", succeeded(0.0)) == []

    def test_a_cancelled_run_that_is_requested_again_goes_on_without_what_was_cancelled(self):
        sim = simulation(SMALL)
        for _ in range(3):
            sim.join()
        sim.request(1)
        sim.finish("w0", succeeded(0.5))
        sim.cancel()
        for worker in ("w1", "w2"):
            sim.finish(worker, succeeded(0.0))
        assert not sim.busy
        sim.request(1)
        sim.drain(lambda start: 0.5)
        assert sim.planner.is_finished
        assert rows_executed(sim.log) == Plan(SMALL * 2).rows
        assert [e.report.id for e in of_type(sim.log, EndJob) if e.report.job.budget == 3] == [(0, 0, 0), (1, 0, 0)]

    def test_cancelled_before_anything_succeeded_and_requested_again_it_ends(self):
        sim = simulation((Bracket((1, 1), (1, 3)),))
        sim.join()
        sim.request(1)
        sim.cancel()
        sim.finish("w0", succeeded(0.0))
        sim.request(1)
        sim.drain(lambda start: 0.5)
        assert sim.planner.is_finished
        assert len(of_type(sim.log, OpenIteration)) == 2


class TestReplay:
    def test_it_draws_nothing(self):
        class Once(LearningGenerator):
            def get_config(self, budget):
                raise AssertionError("replay drew a configuration")

        sim = simulation()
        sim.join()
        sim.request(2)
        sim.drain(lambda start: start.config_id[2])
        planner = make_planner(generator=Once())
        planner.replay(sim.log)
        assert digest(planner) == digest(sim.planner)

    def test_a_job_that_ran_when_the_master_died_starts_again(self):
        sim = simulation(SMALL)
        sim.join()
        sim.request(1)
        interrupted = sim.running["w0"]
        resumed = Simulation(make_planner(SMALL))
        resumed.planner.replay(sim.log)
        resumed.log, resumed.running = list(sim.log), dict(sim.running)
        resumed.lose("w0")
        resumed.join("new")
        assert (resumed.running["new"].key, resumed.running["new"].attempt) == (interrupted.key, 2)


def test_the_ten_thousandth_job_costs_no_more_than_the_first():
    planner = make_planner(hyperband_brackets(1, 81, 3))
    running, seconds, num_started = deque(), [], 0

    def handle(happening):
        begin = time.perf_counter()
        decisions = planner.handle(happening)
        seconds.append(time.perf_counter() - begin)
        running.extend(decision for decision in decisions if isinstance(decision, StartJob))

    for i in range(200):
        handle(WorkerJoined(0.0, f"w{i}"))
    handle(RunRequested(1.0, 300))
    seconds.clear()
    while num_started < 10_000:
        num_started += 1
        start, outcome = running.popleft(), succeeded(float(num_started * 7919 % 1000))
        handle(JobFinished(2.0, start.config_id, start.budget, start.attempt, start.worker, outcome))
    first, last = (float(np.median(part)) for part in (seconds[:1000], seconds[-1000:]))
    assert last < 1e-3
    assert last < 3 * first + 1e-4


def test_a_real_model_picks_the_same_after_a_resume():
    import ConfigSpace

    from hpbandster_ng.optimizers.config_generators.bohb import BOHB

    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0), "kind": ["a", "b"], "n": (1, 100)})

    def planner():
        return make_planner((Bracket((12, 4), (1, 3)),), generator=BOHB(space, random_fraction=0.2))

    sim = Simulation(planner())
    sim.join()
    sim.join()
    sim.request(2)
    sim.drain(lambda start: sim.planner.pool.tasks[start.key].job.config["x"])
    assert any(event.job.config_info["model_based_pick"] for event in of_type(sim.log, QueueJob))
    cut = len(sim.log) * 2 // 3
    resumed = planner()
    resumed.replay(sim.log[:cut])
    assert continued(resumed, sim.log, cut) == sim.log
