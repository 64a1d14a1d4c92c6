"""A model that takes longer to decide than its workers need to evaluate."""

from __future__ import annotations

import pytest

from hpbandster_ng.engine.events import QueueJob, WorkerJoined
from hpbandster_ng.engine.schedule import Bracket
from hpbandster_ng.engine.steps import Choose, Sample, Start
from hpbandster_ng.optimizers.iterations import AsynchronousHalving
from hpbandster_ng.runtime.loop import Loop
from hpbandster_ng.storage.memory import MemoryStorage
from tests.engine.driver import make_async_planner, of_type
from tests.runtime.test_loop import Clock, ScriptedBackend


@pytest.mark.parametrize(
    ("thinking", "seconds", "by_model"),
    [(0.15, 1.0, 7), (0.15, 100.0, 34), (0.01, 1.0, 80)],
    ids=["short evaluations", "long ones", "a faster model"],
)
def test_after_a_second_or_a_twentieth_of_their_evaluation_workers_go_on_without_it(thinking, seconds, by_model):
    clock = Clock()

    class Thinking(AsynchronousHalving):
        def _next(self):
            return Choose(1.0, otherwise=Sample(1.0))

        def choose(self):
            clock.now += thinking if clock.now > 1000.0 else 0.0  # the first jobs are handed out before time begins
            return Start({"x": 0.5}, {"model": True}, 1.0)

    planner = make_async_planner([Bracket((400, 1), (1.0, 3.0))], iteration_type=Thinking)
    backend = ScriptedBackend([(1000.0, WorkerJoined, f"w{i}") for i in range(80)], seconds=seconds)
    loop = Loop(planner, backend, MemoryStorage(), (), 60.0, clock)
    loop.wait_for_workers(80)
    loop.run(None, total_budget=160.0)
    decided = [event.job.config_info.get("model", False) for event in of_type(loop.storage.read(), QueueJob)]
    assert len(decided) == 160
    assert decided == [True] * (80 + by_model) + [False] * (80 - by_model)
