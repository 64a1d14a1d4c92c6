"""A result answers the questions of users about a run, whatever happened in it."""

from __future__ import annotations

import copy
import itertools
import pickle
from pathlib import Path

import numpy as np
import pytest

from hpbandster_ng.core.result import (
    Result,
    Run,
    extract_HBS_learning_curves,
    json_result_logger,
    logged_results_to_HBS_result,
)
from hpbandster_ng.engine.iteration import Datum
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.errors import InvalidArgumentError

TIME_REF = 1_700_000_000.0
HB_CONFIG = {"time_ref": TIME_REF, "eta": 3, "min_budget": 1.0, "max_budget": 9.0, "budgets": [1.0, 3.0, 9.0]}
FIXTURE_LOG = Path(__file__).parents[1] / "data" / "predecessor_log"
REAL_LOG = Path(__file__).parents[3] / "shared" / "data" / "predecessor_run"
needs_real_log = pytest.mark.skipif(not REAL_LOG.is_dir(), reason="the predecessor's real log is not on this machine")


def datum(runs, time_ref=TIME_REF, **config):
    """Runs are ``(budget, loss, finished)``; a loss of None is a crash."""
    made = Datum(config or {"x": 0.5}, {"model_based_pick": False})
    for budget, loss, finished in runs:
        made.results[budget] = None if loss is None else {"loss": loss, "info": {"at": finished}}
        made.exceptions[budget] = "Traceback ..." if loss is None else None
        at = time_ref + finished
        made.time_stamps[budget] = {"submitted": at - 1, "started": at - 0.5, "finished": at}
    return made


def result(runs_by_id, HB_config=HB_CONFIG):
    return Result({config_id: datum(runs) for config_id, runs in runs_by_id.items()}, HB_config)


def story():
    """Two iterations; (0, 0, 2) crashes, (1, 0, 0) is best on budget 9."""
    return result(
        {
            (0, 0, 0): [(1.0, 0.5, 1)],
            (0, 0, 1): [(1.0, 0.4, 2), (3.0, 0.45, 4), (9.0, 0.3, 6)],
            (0, 0, 2): [(1.0, None, 3)],
            (1, 0, 0): [(3.0, 0.35, 5), (9.0, 0.2, 7)],
            (1, 0, 1): [(3.0, 0.1, 8)],
        }
    )


# ---- runs and configurations


STATES = [OutcomeState.FAILED, OutcomeState.INVALID, OutcomeState.TIMED_OUT, OutcomeState.LOST]


def all_ends():
    data = {(0, 0, 0): datum([(1.0, 0.5, 1)])}
    for index, state in enumerate(STATES, start=1):
        data[0, 0, index] = datum([(1.0, None, 1 + index)])
        if state is not OutcomeState.FAILED:
            data[0, 0, index].outcomes[1.0] = state.value
    return Result(data, HB_CONFIG)


@pytest.mark.parametrize(
    "way", [lambda result: result, lambda result: pickle.loads(pickle.dumps(result)), copy.deepcopy]
)
def test_a_run_tells_how_it_came_to_its_end(way):
    runs = way(all_ends()).get_all_runs()
    assert [run.outcome for run in runs] == [OutcomeState.SUCCEEDED, *STATES]
    assert [run["outcome"].value for run in runs[1:]] == ["failed", "invalid return", "timed out", "lost"]


def test_a_run_made_by_hand_knows_its_end_by_its_loss():
    for loss, state in ((0.5, OutcomeState.SUCCEEDED), (None, OutcomeState.FAILED), (np.nan, OutcomeState.FAILED)):
        assert Run((0, 0, 0), 1.0, loss, None, {}, None).outcome is state


def test_a_lost_run_says_nothing_about_its_configuration():
    data = {(0, 0, 0): datum([(1.0, 0.1, 1), (3.0, None, 2)]), (0, 0, 1): datum([(1.0, 0.2, 3), (3.0, 0.3, 4)])}
    assert Result(data, HB_CONFIG).recommend() == (0, 0, 1)
    data[0, 0, 0].outcomes[3.0] = "lost"
    assert Result(data, HB_CONFIG).recommend() == (0, 0, 0)


def test_runs_of_a_configuration_come_by_ascending_budget():
    res = result({(0, 0, 0): [(9.0, 0.3, 3), (1.0, 0.5, 1), (3.0, 0.4, 2)]})
    assert [(run.budget, run.loss) for run in res.get_runs_by_id((0, 0, 0))] == [(1.0, 0.5), (3.0, 0.4), (9.0, 0.3)]


def test_a_run_is_read_by_attribute_and_by_key():
    run = story().get_runs_by_id((0, 0, 1))[0]
    assert run == Run((0, 0, 1), 1.0, 0.4, {"at": 2}, {"submitted": 1.0, "started": 1.5, "finished": 2.0}, None)
    for name in ("config_id", "budget", "loss", "info", "time_stamps", "error_logs"):
        assert run[name] == getattr(run, name)
    with pytest.raises(KeyError):
        run["is_success"]


def test_a_crashed_run_has_no_loss_and_tells_the_traceback():
    (run,) = story().get_runs_by_id((0, 0, 2))
    assert (run.loss, run.info, run.error_logs) == (None, None, "Traceback ...")
    assert not run.is_success


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), None])
def test_only_a_finite_loss_is_a_success(loss):
    assert not Run((0, 0, 0), 1.0, loss, None, {}, None).is_success


def test_all_runs_or_the_largest_budget_of_each_configuration():
    res = story()
    assert len(res.get_all_runs()) == 8
    largest = {run.config_id: run.budget for run in res.get_all_runs(only_largest_budget=True)}
    assert largest == {(0, 0, 0): 1.0, (0, 0, 1): 9.0, (0, 0, 2): 1.0, (1, 0, 0): 9.0, (1, 0, 1): 3.0}


def test_a_configuration_that_never_ran_has_no_runs():
    res = Result({(0, 0, 0): Datum({"x": 1}, {})}, HB_CONFIG)
    assert res.get_runs_by_id((0, 0, 0)) == res.get_all_runs() == res.get_all_runs(True) == []
    assert res.get_learning_curves() == {(0, 0, 0): [[]]}


def test_an_unknown_configuration_is_named():
    with pytest.raises(InvalidArgumentError, match=r"config_id=\(7, 0, 0\) is none of the 5 configurations"):
        story().get_runs_by_id((7, 0, 0))


def test_the_mapping_is_a_copy():
    res = story()
    res.get_id2config_mapping()[0, 0, 0]["config"]["x"] = "changed"
    assert res.get_id2config_mapping()[0, 0, 0] == {"config": {"x": 0.5}, "config_info": {"model_based_pick": False}}
    assert res[0, 0, 0].config == {"x": 0.5}


def test_iterations_are_counted_without_the_warm_start():
    assert story().num_iterations() == 2
    assert result({(-1, 0, 0): []}).num_iterations() == 0
    assert Result([], {}).num_iterations() == 0


def test_iterations_may_come_one_by_one():
    parts = [{(0, 0, 0): datum([])}, {(1, 0, 0): datum([])}]
    assert list(Result(parts, HB_CONFIG).data) == list(Result(iter(parts), HB_CONFIG).data) == [(0, 0, 0), (1, 0, 0)]


# ---- the incumbent


def test_the_incumbent_is_the_best_on_max_budget():
    assert story().get_incumbent_id() == (1, 0, 0)


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf"), float("-inf")])
def test_no_incumbent_without_a_finite_loss_on_max_budget(bad):
    assert result({(0, 0, 0): [(3.0, 0.0, 1)], (0, 0, 1): [(9.0, bad, 2)]}).get_incumbent_id() is None
    assert Result([], {}).get_incumbent_id() is None


def test_a_loss_that_is_not_finite_hides_no_incumbent():
    res = result({(0, 0, 0): [(9.0, float("nan"), 1)], (0, 0, 1): [(9.0, 0.5, 2)], (0, 0, 2): [(9.0, None, 3)]})
    assert res.get_incumbent_id() == (0, 0, 1)


A, B, C = (0, 0, 1), (1, 0, 0), (1, 0, 1)
FIRST = (0, 0, 0)
# Finished in this order: FIRST 1:0.5, A 1:0.4, crash, A 3:0.45, B 3:0.35, A 9:0.3, B 9:0.2, C 3:0.1
TRAJECTORIES = [
    # all_budgets, bigger_is_better, non_decreasing_budget -> (id, time, budget, loss)
    (
        (True, True, True),
        [
            (FIRST, 1, 1, 0.5),
            (A, 2, 1, 0.4),
            (A, 4, 3, 0.45),
            (B, 5, 3, 0.35),
            (A, 6, 9, 0.3),
            (B, 7, 9, 0.2),
            (B, 8, 9, 0.2),
        ],
    ),
    (
        (True, True, False),
        [
            (FIRST, 1, 1, 0.5),
            (A, 2, 1, 0.4),
            (A, 4, 3, 0.45),
            (B, 5, 3, 0.35),
            (A, 6, 9, 0.3),
            (B, 7, 9, 0.2),
            (C, 8, 3, 0.1),
        ],
    ),
    (
        (True, False, True),
        [(FIRST, 1, 1, 0.5), (A, 2, 1, 0.4), (B, 5, 3, 0.35), (A, 6, 9, 0.3), (B, 7, 9, 0.2), (B, 8, 9, 0.2)],
    ),
    (
        (True, False, False),
        [(FIRST, 1, 1, 0.5), (A, 2, 1, 0.4), (B, 5, 3, 0.35), (A, 6, 9, 0.3), (B, 7, 9, 0.2), (C, 8, 3, 0.1)],
    ),
    *[((False, *flags), [(A, 6, 9, 0.3), (B, 7, 9, 0.2)]) for flags in itertools.product((True, False), repeat=2)],
]


@pytest.mark.parametrize(("flags", "expected"), TRAJECTORIES)
def test_the_trajectory_of_the_incumbent(flags, expected):
    got = story().get_incumbent_trajectory(*flags)
    assert list(zip(got["config_ids"], got["times_finished"], got["budgets"], got["losses"], strict=True)) == expected


def test_the_trajectory_of_a_run_in_which_all_failed_is_empty():
    empty = {"config_ids": [], "times_finished": [], "budgets": [], "losses": []}
    assert result({(0, 0, 0): [(9.0, None, 1)]}).get_incumbent_trajectory() == empty


def test_a_loss_that_is_not_finite_never_leads():
    res = result({A: [(9.0, float("-inf"), 1)], B: [(9.0, float("nan"), 2)], C: [(9.0, 0.5, 3)]})
    assert res.get_incumbent_trajectory()["config_ids"] == [C]


def test_the_trajectory_reaches_the_end_even_if_the_last_run_crashed():
    got = result({(0, 0, 0): [(9.0, 0.5, 1)], (0, 0, 1): [(9.0, None, 4)]}).get_incumbent_trajectory()
    assert got["times_finished"] == [1.0, 4.0]
    assert got["config_ids"] == [(0, 0, 0), (0, 0, 0)]


# ---- learning curves


def test_the_default_learning_curve_is_the_loss_over_the_budget():
    curves = story().get_learning_curves()
    assert curves[0, 0, 1] == [[(1.0, 0.4), (3.0, 0.45), (9.0, 0.3)]]
    assert curves[0, 0, 2] == [[]]
    assert list(curves) == list(story().data)


def test_an_extractor_of_ones_own_on_some_configurations():
    def over_time(runs):
        return [[(run.time_stamps["finished"], run.info["at"])] for run in runs if run.info is not None]

    curves = story().get_learning_curves(lc_extractor=over_time, config_ids=[(1, 0, 0)])
    assert curves == {(1, 0, 0): [[(5.0, 5)], [(7.0, 7)]]}


def test_the_extractor_gives_python_lists_sorted_by_budget():
    runs = story().get_runs_by_id((0, 0, 1))
    assert extract_HBS_learning_curves(reversed(runs)) == [[(1.0, 0.4), (3.0, 0.45), (9.0, 0.3)]]


# ---- time


def test_time_stamps_are_made_relative_on_copies():
    original = datum([(9.0, 0.5, 12.0)])
    before = copy.deepcopy(original)
    res = Result({(0, 0, 0): original}, HB_CONFIG)
    assert res[0, 0, 0].time_stamps[9.0]["finished"] == 12.0
    assert original == before


def test_a_run_that_goes_on_does_not_change_a_result_that_it_gave():
    going_on = datum([(1.0, 0.5, 12.0)])
    res = Result({(0, 0, 0): going_on}, HB_CONFIG)
    going_on.results[3.0] = {"loss": 0.1, "info": None}
    going_on.exceptions[3.0] = None
    assert [run.budget for run in res.get_all_runs()] == [1.0]


def test_without_a_time_ref_the_time_stamps_are_relative_already():
    res = Result({(0, 0, 0): datum([(9.0, 0.5, 12.0)], time_ref=0.0)}, {**HB_CONFIG, "time_ref": None})
    assert res.get_all_runs()[0].time_stamps["finished"] == 12.0


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_shifts_nothing_again(protocol):
    res = story()
    for _ in range(2):
        res = pickle.loads(pickle.dumps(res, protocol))
    assert res.data == story().data
    assert res.HB_config == HB_CONFIG
    assert copy.deepcopy(res).data == story().data


def warm_start(previous):
    """As a warm start does it: iteration -1, the last finish of the previous run becomes time 0."""
    last = max((run.time_stamps["finished"] for run in previous.get_all_runs()), default=0.0)
    data = {}
    for index, old in enumerate(previous.data.values()):
        data[-1, 0, index] = copy.deepcopy(old)
        for stamps in data[-1, 0, index].time_stamps.values():
            stamps.update({name: at - last for name, at in stamps.items()})
    return data


def test_three_chained_warm_starts_shift_once_and_are_logged_as_they_are(tmp_path):
    previous = Result([], HB_CONFIG)
    for generation in range(4):
        time_ref = TIME_REF + 1000.0 * generation
        settings = {**HB_CONFIG, "time_ref": time_ref, "max_SH_iter": 3}
        old = warm_start(previous)
        new = {
            (0, 0, 0): datum([(1.0, 0.5, 5.0), (9.0, 0.5 - generation / 10, 10.0)], time_ref),
            (0, 0, 1): datum([(1.0, None, 6.0)], time_ref),
        }
        new[0, 0, 0].status, new[0, 0, 0].budget = "COMPLETED", 9.0
        new[0, 0, 1].status, new[0, 0, 1].budget = "CRASHED", 1.0
        previous = Result([old, new], settings)
        logger = json_result_logger(tmp_path / str(generation))
        logger.start_run(settings, previous=old)
        for config_id, each in new.items():
            for budget in each.results:
                logger(_Job(config_id, budget, each))
    finished = [
        [run.time_stamps["finished"] for run in previous.get_runs_by_id(config_id)]
        for config_id in [(-1, 0, 0), (-1, 0, 2), (-1, 0, 4), (0, 0, 0)]
    ]
    assert finished == [[-25.0, -20.0], [-15.0, -10.0], [-5.0, 0.0], [5.0, 10.0]]
    assert previous.get_incumbent_id() == (0, 0, 0)
    read = logged_results_to_HBS_result(tmp_path / "3")
    for each in previous.data.values():  # a job that nobody announced carries no config_info
        each.config_info = {}
    for each in read.data.values():
        each.config_info = {}
    assert read.data == previous.data
    assert read.HB_config == previous.HB_config
    assert read.get_incumbent_trajectory() == previous.get_incumbent_trajectory()


class _Job:
    def __init__(self, config_id, budget, each):
        self.id = config_id
        self.kwargs = {"config": each.config, "budget": budget}
        self.timestamps = each.time_stamps[budget]
        self.result = each.results[budget]
        self.exception = each.exceptions[budget]


# ---- logs of the predecessor


def test_a_log_of_the_predecessor_becomes_a_result():
    res = logged_results_to_HBS_result(FIXTURE_LOG)
    assert res.get_incumbent_id() == (1, 0, 0)
    assert len(res.get_all_runs()) == 11
    assert res.num_iterations() == 3
    assert res.get_runs_by_id((0, 0, 1))[0].time_stamps == {"submitted": 3.0, "started": 3.5, "finished": 5.5}


def test_a_log_that_broke_off_reports_no_false_incumbent(tmp_path):
    logger = json_result_logger(tmp_path)
    logger.start_run(HB_CONFIG)
    logger(_Job((0, 0, 0), 3.0, datum([(3.0, 0.1, 1.0)])))
    assert logged_results_to_HBS_result(tmp_path).get_incumbent_id() is None


@needs_real_log
def test_the_real_log_of_the_predecessor():
    res = logged_results_to_HBS_result(str(REAL_LOG))
    assert (len(res.data), len(res.get_all_runs()), res.num_iterations()) == (84, 113, 16)
    assert res.HB_config["budgets"] == [1.0, 3.0, 9.0]
    incumbent = res.get_incumbent_id()
    assert incumbent == (9, 0, 2)
    best = min(run.loss for run in res.get_all_runs() if run.budget == 9.0)
    assert res.get_runs_by_id(incumbent)[-1].loss == best == 0.03515625
    assert all(run.time_stamps["submitted"] >= 0 for run in res.get_all_runs())
    pytest.importorskip("pandas")
    features, losses = res.get_pandas_dataframe()
    assert features.shape == (113, 10)  # nine hyperparameters and the budget
    assert np.isfinite(losses["loss"]).all()
