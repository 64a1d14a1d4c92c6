from __future__ import annotations

import pytest

from hpbandster_ng.engine.records import Job, JobReport, Outcome, OutcomeState
from hpbandster_ng.engine.schedule import hyperband_brackets
from hpbandster_ng.engine.steps import Done, Promote, Sample
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers.iterations import AsyncBrackets, AsynchronousHalving, AsynchronousIteration

BRACKETS = hyperband_brackets(1, 9)


def make(number=0, spend_until=27.0, standings=None):
    return AsynchronousHalving(number, None, standings or AsyncBrackets(BRACKETS[:1], 3), spend_until)


def enter(iteration, budget=1.0):
    job = Job(iteration.next_config_id(budget), budget, {"x": 1}, {"by": "hand"})
    iteration.enter(job)
    return job


def end(iteration, job, loss=0.5, state=OutcomeState.SUCCEEDED):
    result = {"loss": loss, "info": None} if state is OutcomeState.SUCCEEDED else None
    outcome = Outcome(state, result, None if result else "Traceback ...")
    iteration.register_result(JobReport(job, outcome, "w", 0.0, 1.0, 2.0))


def test_starts_promotes_and_is_done_when_its_share_is_spent():
    iteration = make(spend_until=6.0)
    jobs = [enter(iteration) for _ in range(3)]
    assert iteration.next_step() == Sample(1.0)
    for job, loss in zip(jobs, (0.3, 0.1, 0.2), strict=True):
        end(iteration, job, loss)
    assert iteration.next_step() == Promote((0, 0, 1), 3.0)
    iteration.enter(Job((0, 0, 1), 3.0, {"x": 1}, {}))
    assert iteration.is_finished
    assert iteration.next_step() == Done()


def test_what_one_iteration_spends_too_much_the_next_has_less():
    standings = AsyncBrackets(BRACKETS[2:], 3)
    first, second = make(0, 12.0, standings), make(1, 24.0, standings)
    for _ in range(2):
        assert not first.is_finished
        enter(first, 9.0)
    assert first.is_finished
    assert not second.is_finished
    enter(second, 9.0)
    assert second.is_finished


def test_the_story_of_a_configuration():
    iteration = make()
    job = enter(iteration)
    datum = iteration.data[job.config_id]
    assert (datum.status, datum.budget, datum.config, datum.config_info) == ("RUNNING", 1.0, {"x": 1}, {"by": "hand"})
    end(iteration, job)
    assert (datum.status, datum.results, datum.exceptions) == (
        "REVIEW",
        {1.0: {"loss": 0.5, "info": None}},
        {1.0: None},
    )
    assert datum.time_stamps == {1.0: {"submitted": 0.0, "started": 1.0, "finished": 2.0}}
    for budget, status in ((3.0, "REVIEW"), (9.0, "COMPLETED")):
        higher = Job(job.config_id, budget, {"x": 1}, {})
        iteration.enter(higher)
        end(iteration, higher)
        assert datum.status == status


@pytest.mark.parametrize(
    ("state", "num_results"), [(OutcomeState.FAILED, 1), (OutcomeState.TIMED_OUT, 1), (OutcomeState.LOST, 0)]
)
def test_a_failure_is_the_worst_of_its_rung_and_a_loss_is_nothing(state, num_results):
    iteration = make()
    jobs = [enter(iteration) for _ in range(3)]
    end(iteration, jobs[0], state=state)
    assert iteration.data[jobs[0].config_id].status == "CRASHED"
    for job in jobs[1:]:
        end(iteration, job)
    promotion = Promote((0, 0, 1), 3.0)
    assert iteration.next_step() == (promotion if num_results else Sample(1.0))


def test_a_cancelled_configuration_competes_no_more():
    iteration = make()
    jobs = [enter(iteration) for _ in range(4)]
    iteration.withdraw(jobs[0].config_id)
    assert iteration.data[jobs[0].config_id].status == "TERMINATED"
    for job in jobs[1:]:
        end(iteration, job)
    assert iteration.next_step() == Promote((0, 0, 1), 3.0)


def test_ids_count_up_on_each_rung_of_each_iteration():
    standings = AsyncBrackets(BRACKETS, 3)
    first, second = make(0, 99.0, standings), make(1, 99.0, standings)
    ids = [enter(iteration, budget).config_id for iteration in (first, second) for budget in (1.0, 3.0, 1.0, 9.0)]
    assert ids == [(0, 0, 0), (0, 1, 0), (0, 0, 1), (0, 2, 0), (1, 0, 0), (1, 1, 0), (1, 0, 1), (1, 2, 0)]


def test_a_result_of_nobody_is_refused():
    iteration = make()
    job = enter(iteration)
    end(iteration, job)
    with pytest.raises(InvalidArgumentError, match="is not running; its status is REVIEW"):
        end(iteration, job)
    with pytest.raises(InvalidArgumentError, match="is unknown to iteration 0"):
        end(iteration, Job((0, 0, 9), 1.0, {}, {}))


def test_a_rule_of_ones_own_has_one_method():
    class FullBudgetOnly(AsynchronousIteration):
        def _next(self):
            return Sample(9.0)

    iteration = FullBudgetOnly(0, None, AsyncBrackets(BRACKETS[2:], 3), 9.0)
    assert iteration.next_step() == Sample(9.0)
    enter(iteration, 9.0)
    assert iteration.next_step() == Done()
