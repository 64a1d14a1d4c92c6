from __future__ import annotations

import logging

import ConfigSpace
import pytest

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.core.base_iteration import BaseIteration, Datum, WarmStartIteration
from hpbandster_ng.core.dispatcher import Job
from hpbandster_ng.core.result import Result
from hpbandster_ng.optimizers.randomsearch import RandomSearch


class Half(BaseIteration):
    def _advance_to_next_stage(self, config_ids, losses):
        return losses.argsort().argsort() < self.num_configs[self.stage]


class Recorder:
    def __init__(self):
        self.jobs = []

    def new_result(self, job, update_model=True):
        self.jobs.append((job, update_model))


def finish(bracket, loss):
    config_id, config, budget = bracket.get_next_run()
    job = Job(config_id, config=config, budget=budget)
    for time in ("submitted", "started", "finished"):
        job.time_it(time)
    job.result = None if loss is None else {"loss": loss, "info": {}}
    job.exception = "a traceback" if loss is None else None
    bracket.register_result(job)
    return config_id, budget


def test_a_bracket_by_hand_as_scripts_of_the_predecessor_do():
    configs = iter(range(10))
    bracket = Half(0, [4, 2, 1], [1, 3, 9], lambda budget: ({"x": next(configs)}, {}))
    ran = [finish(bracket, loss) for loss in (0.4, 0.3, 0.2, 0.1, 0.3, 0.4, 0.5)]
    assert ran == [((0, 0, i), 1) for i in range(4)] + [((0, 0, 2), 3), ((0, 0, 3), 3), ((0, 0, 2), 9)]
    assert bracket.get_next_run() is None
    assert bracket.is_finished
    assert [datum.status for datum in bracket.data.values()] == ["TERMINATED", "TERMINATED", "COMPLETED", "TERMINATED"]
    assert all(isinstance(datum, Datum) for datum in bracket.data.values())


def test_a_logger_is_there_without_being_given():
    assert Half(0, [1], [1], None).logger.name == "hpbandster_ng"
    assert Half(0, [1], [1], None, logging.getLogger("own")).logger.name == "own"


def test_a_crash_leaves_no_slot_to_be_filled_on_the_higher_budget():
    bracket = Half(0, [3, 2], [1, 3], lambda budget: ({"x": budget}, {}))
    ran = [finish(bracket, loss) for loss in (None, None, 0.1, 0.1)]
    assert ran[-1] == ((0, 0, 2), 3)
    assert bracket.get_next_run() is None
    assert len(bracket.data) == 3


@pytest.fixture
def previous():
    def compute(config, **kwargs):
        if config["x"] > 0.5:
            raise RuntimeError("as told")
        return {"loss": config["x"], "info": {"x": config["x"]}}

    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
    initial = [{"x": x} for x in (0.25, 0.75, 0.5)]
    backend = InProcessBackend(compute)
    with RandomSearch(space, run_id="run", backend=backend, initial_configs=initial) as master:
        return master.run(3)


def test_a_warm_start_tells_the_generator_every_run_the_crashed_ones_too(previous):
    generator = Recorder()
    iteration = WarmStartIteration(previous, generator)
    assert iteration.is_finished
    assert list(iteration.data) == [(-1, 0, 0), (-1, 0, 1), (-1, 0, 2)]
    assert [job.kwargs for job, _ in generator.jobs] == [{"config": {"x": x}, "budget": 1} for x in (0.25, 0.75, 0.5)]
    assert [job.result and job.result["loss"] for job, _ in generator.jobs] == [0.25, None, 0.5]
    assert "as told" in generator.jobs[1][0].exception
    assert [update for _, update in generator.jobs] == [False, False, True]


def test_a_warm_start_does_not_tell_what_was_lost_but_keeps_it(previous):
    previous.data[0, 0, 0].outcomes[1] = "timed out"
    previous.data[2, 0, 0].outcomes[1] = "lost"
    generator = Recorder()
    iteration = WarmStartIteration(previous, generator)
    assert [job.kwargs["config"]["x"] for job, _ in generator.jobs] == [0.25, 0.75]
    assert [update for _, update in generator.jobs] == [False, True]
    assert [datum.outcomes for datum in iteration.data.values()] == [{1: "timed out"}, {}, {1: "lost"}]


def test_the_last_finish_of_a_warm_start_is_time_zero(previous):
    iteration = WarmStartIteration(previous, Recorder())
    stamps = [times for datum in iteration.data.values() for times in datum.time_stamps.values()]
    assert max(times["finished"] for times in stamps) == 0.0
    assert all(times["submitted"] <= times["started"] <= times["finished"] <= 0.0 for times in stamps)


def test_a_warm_start_from_nothing_is_empty():
    generator = Recorder()
    iteration = WarmStartIteration(Result([], {"max_budget": 1, "time_ref": 0.0}), generator)
    assert iteration.is_finished
    assert iteration.data == {}
    assert generator.jobs == []
