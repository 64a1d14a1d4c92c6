from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from hpbandster_ng.core.base_iteration import BaseIteration
from hpbandster_ng.engine.iteration import Done, Iteration, Promote, Sample, Wait
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers.iterations import SuccessiveHalving


def numbered_sampler():
    """Draws {"x": 0}, {"x": 1} ... and remembers for which budgets."""
    budgets: list[float] = []

    def sample(budget):
        budgets.append(budget)
        return {"x": len(budgets) - 1}, {"budget": budget}

    sample.budgets = budgets
    return sample


def job(config_id, budget, loss=None, exception=None):
    result = None if loss is None else {"loss": loss, "info": {}}
    stamps = {"submitted": 1.0, "started": 2.0, "finished": 3.0}
    return SimpleNamespace(
        id=config_id, kwargs={"budget": budget}, result=result, exception=exception, timestamps=stamps
    )


def run_to_end(bracket, loss):
    """By hand, as other tools do; ``loss(x, budget)`` is None where it crashes. Returns what ran, in order."""
    ran = []
    while (run := bracket.get_next_run()) is not None:
        config_id, config, budget = run
        ran.append((config_id, budget))
        bracket.register_result(job(config_id, budget, loss(config["x"], budget)))
    return ran


def statuses(bracket):
    return [datum.status for datum in bracket.data.values()]


class TestStandAlone:
    def test_a_bracket_runs_as_its_table_says(self):
        bracket = SuccessiveHalving(2, [9, 3, 1], [1, 3, 9], numbered_sampler())
        ran = run_to_end(bracket, lambda x, budget: x)
        assert ran == ([((2, 0, i), 1) for i in range(9)] + [((2, 0, i), 3) for i in range(3)] + [((2, 0, 0), 9)])
        assert bracket.is_finished
        assert statuses(bracket) == ["COMPLETED", "TERMINATED", "TERMINATED"] + 6 * ["TERMINATED"]
        assert bracket.actual_num_configs == [9, 3, 1]
        assert bracket.next_step() == Done()

    def test_a_datum_holds_what_the_reference_page_says(self):
        bracket = SuccessiveHalving(0, [2, 1], [1, 3], numbered_sampler())
        run_to_end(bracket, lambda x, budget: None if x == 1 else x + budget)
        good, bad = bracket.data[0, 0, 0], bracket.data[0, 0, 1]
        assert (good.config, good.config_info) == ({"x": 0}, {"budget": 1})
        assert good.results == {1: {"loss": 1, "info": {}}, 3: {"loss": 3, "info": {}}}
        assert good.time_stamps[3] == {"submitted": 1.0, "started": 2.0, "finished": 3.0}
        assert good.exceptions == {1: None, 3: None}
        assert (good.status, good.budget) == ("COMPLETED", 3)
        assert bad.results == {1: None}
        assert (bad.status, bad.budget) == ("CRASHED", 1)

    def test_the_traceback_of_a_crash_is_kept(self):
        bracket = SuccessiveHalving(0, [1], [1], numbered_sampler())
        config_id, _, budget = bracket.get_next_run()
        bracket.register_result(job(config_id, budget, exception="Traceback ..."))
        assert bracket.data[config_id].exceptions == {1: "Traceback ..."}

    def test_who_computed_is_kept_where_the_job_tells(self):
        bracket = SuccessiveHalving(0, [2], [1], numbered_sampler())
        for worker in ("w", None):
            config_id, _, budget = bracket.get_next_run()
            done = job(config_id, budget, 0.5)
            done.worker_name = worker
            bracket.register_result(done)
        assert [datum.workers for datum in bracket.data.values()] == [{1: "w"}, {}]

    def test_statuses_on_the_way(self):
        bracket = SuccessiveHalving(0, [2, 1], [1, 3], numbered_sampler())
        first = bracket.add_configuration()
        assert statuses(bracket) == ["QUEUED"]
        assert bracket.get_next_run()[0] == first
        bracket.get_next_run()
        assert statuses(bracket) == ["RUNNING", "RUNNING"]
        bracket.register_result(job((0, 0, 1), 1, 0.5))
        assert statuses(bracket) == ["RUNNING", "REVIEW"]

    def test_a_rung_waits_for_its_last_job(self):
        bracket = SuccessiveHalving(0, [2, 1], [1, 3], numbered_sampler())
        bracket.get_next_run()
        bracket.get_next_run()
        bracket.register_result(job((0, 0, 1), 1, 0.5))
        assert bracket.get_next_run() is None
        bracket.process_results()  # ends nothing while a job runs
        assert bracket.stage == 0
        bracket.register_result(job((0, 0, 0), 1, 0.7))
        bracket.process_results()
        assert bracket.stage == 1
        assert bracket.get_next_run() == ((0, 0, 1), {"x": 1}, 3)

    def test_processing_again_or_after_the_end_changes_nothing(self):
        bracket = SuccessiveHalving(0, [1], [1], numbered_sampler())
        bracket.process_results()
        assert not bracket.is_finished
        run_to_end(bracket, lambda x, budget: x)
        before = (bracket.stage, statuses(bracket))
        bracket.process_results()
        assert (bracket.stage, statuses(bracket)) == before
        assert bracket.get_next_run() is None

    def test_a_result_logger_hears_of_every_configuration_once(self):
        heard = []
        logger = SimpleNamespace(new_config=lambda *args: heard.append(args))
        bracket = SuccessiveHalving(1, [3, 1], [1, 3], numbered_sampler(), result_logger=logger)
        run_to_end(bracket, lambda x, budget: x)
        assert heard == [((1, 0, i), {"x": i}, {"budget": 1}) for i in range(3)]

    def test_configurations_of_the_user_take_slots(self):
        sampler = numbered_sampler()
        bracket = SuccessiveHalving(0, [2, 1], [1, 3], sampler)
        assert bracket.add_configuration({"x": 42}, {"mine": True}) == (0, 0, 0)
        assert bracket.data[0, 0, 0].config_info == {"mine": True}
        assert [bracket.get_next_run()[1], bracket.get_next_run()[1]] == [{"x": 42}, {"x": 0}]
        assert bracket.get_next_run() is None


class TestCrashes:
    @pytest.mark.parametrize("survivors", [1, 2, 3, 5])
    def test_a_slot_that_a_crash_left_empty_is_not_filled_on_the_higher_budget(self, survivors):
        sampler = numbered_sampler()
        bracket = SuccessiveHalving(0, [9, 3, 1], [1, 3, 9], sampler)
        ran = run_to_end(bracket, lambda x, budget: x if x < survivors else None)
        assert sampler.budgets == [1] * 9
        assert [budget for _, budget in ran] == [1] * 9 + [3] * min(survivors, 3) + [9]
        assert bracket.is_finished

    @pytest.mark.parametrize(("dead_from", "runs"), [(1, 9), (3, 9 + 3), (9, 9 + 3 + 1)])
    def test_a_rung_on_which_all_crash_ends_the_bracket(self, dead_from, runs):
        bracket = SuccessiveHalving(0, [9, 3, 1], [1, 3, 9], numbered_sampler())
        ran = run_to_end(bracket, lambda x, budget: None if budget >= dead_from else x)
        assert len(ran) == runs
        assert bracket.is_finished
        assert "COMPLETED" not in statuses(bracket)
        assert not {"QUEUED", "RUNNING", "REVIEW"} & set(statuses(bracket))

    @pytest.mark.parametrize("loss", [np.nan, np.inf, -np.inf])
    def test_a_loss_that_is_not_finite_counts_as_a_crash(self, loss):
        bracket = SuccessiveHalving(0, [2, 1], [1, 3], numbered_sampler())
        run_to_end(bracket, lambda x, budget: loss if x == 0 else 1.0)
        assert statuses(bracket) == ["CRASHED", "COMPLETED"]


class KeepTheOddOnes(BaseIteration):
    def _advance_to_next_stage(self, config_ids, losses):
        self.asked = (list(config_ids), losses.tolist(), self.stage)
        return np.array([config_id[2] % 2 == 1 for config_id in config_ids])


class TestTheHook:
    def test_it_is_asked_about_the_successful_ones_with_their_losses_at_the_next_stage(self):
        bracket = KeepTheOddOnes(0, [4, 2], [1, 3], numbered_sampler())
        for _ in range(4):
            bracket.get_next_run()
        for i, loss in enumerate([0.4, 0.3, None, 0.1]):
            bracket.register_result(job((0, 0, i), 1, loss))
        bracket.process_results()
        assert bracket.asked == ([(0, 0, 0), (0, 0, 1), (0, 0, 3)], [0.4, 0.3, 0.1], 1)
        assert statuses(bracket) == ["TERMINATED", "QUEUED", "CRASHED", "QUEUED"]

    def test_a_slot_that_it_leaves_empty_on_purpose_gets_a_new_configuration_on_that_budget(self):
        sampler = numbered_sampler()
        bracket = KeepTheOddOnes(5, [3, 2], [1, 3], sampler)
        ran = run_to_end(bracket, lambda x, budget: x)
        assert ran[3:] == [((5, 0, 1), 3), ((5, 1, 1), 3)]
        assert sampler.budgets == [1, 1, 1, 3]
        assert bracket.actual_num_configs == [3, 2]
        assert list(bracket.data) == [(5, 0, 0), (5, 0, 1), (5, 0, 2), (5, 1, 1)]

    def test_one_who_keeps_nobody_in_a_bracket_without_sampler_ends_it(self):
        bracket = KeepTheOddOnes(0, [1, 1], [1, 3], None)
        bracket.add_configuration({"x": 0})
        run_to_end(bracket, lambda x, budget: x)
        assert bracket.is_finished
        assert statuses(bracket) == ["TERMINATED"]

    def test_more_may_go_on_than_the_table_has(self):
        class KeepAll(BaseIteration):
            def _advance_to_next_stage(self, config_ids, losses):
                return [True] * len(config_ids)

        bracket = KeepAll(0, [3, 1], [1, 3], numbered_sampler())
        assert len(run_to_end(bracket, lambda x, budget: x)) == 6
        assert bracket.actual_num_configs == [3, 3]

    @pytest.mark.parametrize("answer", [[], [True], [True] * 3])
    def test_an_answer_of_the_wrong_length_is_one_clear_error(self, answer):
        class Wrong(BaseIteration):
            def _advance_to_next_stage(self, config_ids, losses):
                return answer

        with pytest.raises(InvalidArgumentError, match=r"_advance_to_next_stage=.* each of the 2 .* from Wrong"):
            run_to_end(Wrong(0, [2, 1], [1, 3], numbered_sampler()), lambda x, budget: x)

    def test_without_one_the_error_says_what_is_missing(self):
        with pytest.raises(NotImplementedError, match="Iteration must implement _advance_to_next_stage"):
            run_to_end(Iteration(0, [1, 1], [1, 3], numbered_sampler()), lambda x, budget: x)


class TestAnswers:
    def test_next_step_changes_nothing_and_tells_what_is_due(self):
        bracket = SuccessiveHalving(0, [1, 1], [1, 3], numbered_sampler())
        assert bracket.next_step() == bracket.next_step() == Sample(1)
        assert bracket.next_config_id() == (0, 0, 0)
        bracket.add_configuration()
        assert bracket.next_step() == bracket.next_step() == Promote((0, 0, 0), 1)
        bracket.mark_running((0, 0, 0))
        assert bracket.next_step() == Wait()
        bracket.register_result(job((0, 0, 0), 1, 0.5))
        assert bracket.stage_is_complete
        bracket.process_results()
        assert bracket.next_step() == Promote((0, 0, 0), 3)

    def test_budgets_and_sizes_become_plain(self):
        bracket = SuccessiveHalving(0, np.array([2, 1]), np.array([1.0, 3.0]), numbered_sampler())
        assert [type(n) for n in bracket.num_configs] == [int, int]
        assert [type(budget) for budget in bracket.budgets] == [float, float]


class TestRefusals:
    @pytest.mark.parametrize(
        ("num_configs", "budgets", "parameter"),
        [
            ([1], [1, 3], "num_configs"),
            ([], [], "num_configs"),
            ([2, 1], [3, 1], "budgets"),
            ([2, 1], [1, 1], "budgets"),
        ],
    )
    def test_a_table_that_makes_no_sense(self, num_configs, budgets, parameter):
        with pytest.raises(InvalidArgumentError, match=f"^{parameter}="):
            SuccessiveHalving(0, num_configs, budgets, numbered_sampler())

    def test_a_configuration_too_many_costs_no_draw(self):
        sampler = numbered_sampler()
        bracket = SuccessiveHalving(0, [1], [1], sampler)
        bracket.add_configuration()
        with pytest.raises(InvalidArgumentError, match="no free slot on rung 0 of iteration 0"):
            bracket.add_configuration()
        assert sampler.budgets == [1]
        run_to_end(bracket, lambda x, budget: x)
        with pytest.raises(InvalidArgumentError, match="no free slot"):
            bracket.add_configuration()

    def test_no_configuration_and_no_sampler(self):
        with pytest.raises(InvalidArgumentError, match="config_sampler"):
            SuccessiveHalving(0, [1], [1], None).add_configuration()

    def test_results_of_jobs_that_do_not_run(self):
        bracket = SuccessiveHalving(0, [2, 1], [1, 3], numbered_sampler())
        with pytest.raises(InvalidArgumentError, match="unknown to iteration 0"):
            bracket.register_result(job((0, 0, 0), 1, 0.5))
        config_id, _, _ = bracket.get_next_run()
        with pytest.raises(InvalidArgumentError, match="RUNNING on budget 1"):
            bracket.register_result(job(config_id, 3, 0.5))
        bracket.register_result(job(config_id, 1, 0.5))
        with pytest.raises(InvalidArgumentError, match="status is REVIEW"):
            bracket.register_result(job(config_id, 1, 0.1))
        assert bracket.data[config_id].results == {1: {"loss": 0.5, "info": {}}}

    def test_unless_the_checks_are_skipped(self):
        bracket = SuccessiveHalving(0, [2, 1], [1, 3], numbered_sampler())
        queued = bracket.add_configuration()
        bracket.register_result(job(queued, 7.5, 0.5), skip_sanity_checks=True)
        assert bracket.data[queued].results == {7.5: {"loss": 0.5, "info": {}}}
        assert bracket.get_next_run()[0] == (0, 0, 1)
        bracket.register_result(job((0, 0, 1), 1, 0.5))
        assert bracket.get_next_run() == ((0, 0, 1), {"x": 0 + 1}, 3)  # only the rung's own results compete
