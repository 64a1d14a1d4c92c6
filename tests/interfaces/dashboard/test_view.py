"""The view of a run: as the result of the same run, and right about workers, losses and retries."""

from __future__ import annotations

import math

import pytest

from hpbandster_ng.engine.events import (
    Eliminate,
    QueueJob,
    RunCancelled,
    RunDescribed,
    RunResumed,
    StartJob,
    WorkerJoined,
    WorkerLost,
)
from hpbandster_ng.engine.records import Outcome, OutcomeState
from hpbandster_ng.experiments import Experiment
from hpbandster_ng.interfaces.dashboard.columns import State
from hpbandster_ng.interfaces.dashboard.recorded import events_of
from hpbandster_ng.interfaces.dashboard.view import RunView
from hpbandster_ng.optimizers import HyperBand
from hpbandster_ng.storage.legacy_json import json_result_logger, read_log
from hpbandster_ng.storage.memory import MemoryStorage
from tests.interfaces.dashboard.logs import SPACE, ended, job, life, run_bohb, success


def view_of(events, **settings):
    view = RunView(**settings)
    for event in events:
        view.fold(event)
    return view


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The events of a real run, and its result."""
    storage = MemoryStorage()
    result = run_bohb(storage, tmp_path_factory.mktemp("run"))
    return list(storage.read()), result


def losses_by_run(view):
    columns = view.columns()
    return {
        (view.configurations[number].config_id, budget): None if math.isnan(loss) else loss
        for number, budget, loss in zip(columns.config, columns.budget, columns.loss, strict=True)
    }


def test_it_holds_what_the_result_holds(finished):
    events, result = finished
    view = view_of(events)
    assert losses_by_run(view) == {(run.config_id, run.budget): run.loss for run in result.get_all_runs()}
    assert {each.config_id: each.config for each in view.configurations} == {
        config_id: datum.config for config_id, datum in result.data.items()
    }
    assert view.num_open == 0
    assert view.counts[State.FAILED] == len(view.errors) == sum(run.loss is None for run in result.get_all_runs()) > 0


def test_the_incumbents_are_those_of_the_result(finished):
    events, result = finished
    view = view_of(events)
    told = result.get_incumbent_trajectory()
    length = len(view.incumbents)
    assert [best.loss for best in view.incumbents] == told["losses"][:length]
    assert [best.budget for best in view.incumbents] == told["budgets"][:length]
    assert [view.configurations[view.runs.config[best.run]].config_id for best in view.incumbents] == told[
        "config_ids"
    ][:length]


def test_folding_further_gives_the_same_as_folding_all(finished):
    events, _ = finished
    view = RunView()
    for event in events[: len(events) // 2]:
        view.fold(event)
    view.columns()
    for event in events[len(events) // 2 :]:
        view.fold(event)
    assert losses_by_run(view) == losses_by_run(view_of(events))


def test_a_folder_of_results_holds_the_same_runs(finished, tmp_path):
    _, result = finished
    logger = json_result_logger(tmp_path / "log")
    again = run_bohb(None, tmp_path, result_logger=logger)
    view = view_of(events_of("log", *read_log(tmp_path / "log")), is_recorded=True)
    assert losses_by_run(view) == {(run.config_id, run.budget): run.loss for run in again.get_all_runs()}
    assert again.data.keys() == result.data.keys()


def test_a_lost_worker_gives_its_run_back_and_it_is_tried_again():
    each = job()
    before = [WorkerJoined(0.0, "a"), QueueJob(1.0, each), StartJob(1.0, *each.key, 1, "a")]
    view = view_of(before)
    assert (view.counts[State.RUNNING], view.workers[0].num_running) == (1, 1)
    view.fold(WorkerLost(3.0, "a", "fell silent"))
    assert (view.counts[State.QUEUED], view.counts[State.RUNNING], view.workers[0].is_here) == (1, 0, False)
    assert (view.attempts.state[0], view.attempts.ended[0]) == (State.LOST, 3.0)
    for event in [WorkerJoined(4.0, "b"), StartJob(4.0, *each.key, 2, "b"), ended(each, success(0.5), "b", 4.0, 6.0)]:
        view.fold(event)
    assert (view.counts[State.SUCCEEDED], view.num_open) == (1, 0)
    assert list(view.attempts.number) == [1, 2]
    assert [kind for _, kind, _ in view.happened] == ["worker", "lost", "worker", "incumbent"]


def test_what_was_handed_back_is_no_loss():
    each = job()
    events = [WorkerJoined(0.0, "a"), QueueJob(1.0, each), StartJob(1.0, *each.key, 1, "a")]
    view = view_of([*events, WorkerLost(3.0, "a", "it left", handed_back=True)])
    assert view.attempts.state[0] == State.HANDED_BACK
    assert view.happened[-1][1] == "worker"


def test_another_master_knows_nothing_of_the_workers():
    each = job()
    events = [WorkerJoined(0.0, "a"), QueueJob(1.0, each), StartJob(1.0, *each.key, 1, "a"), RunResumed(9.0)]
    view = view_of(events)
    assert (view.attempts.state[0], view.counts[State.QUEUED], view.workers[0].is_here) == (State.INTERRUPTED, 1, False)


def test_a_compacted_log_still_tells_who_computed():
    view = view_of([QueueJob(1.0, job()), ended(job(), success(0.5), "a", 2.0, 3.0)])
    assert (view.workers[0].name, view.attempts.began[0], view.attempts.ended[0]) == ("a", 2.0, 3.0)


def test_a_loss_that_is_no_number_is_a_failure():
    view = view_of(life(job(), success(math.inf)))
    assert view.counts[State.FAILED] == 1
    assert "inf" in view.errors[0]
    assert not view.incumbents


def test_a_cancelled_run_costs_nothing_and_is_no_error():
    each = job()
    cancelled = Outcome(OutcomeState.CANCELLED, None, "enough")
    view = view_of([QueueJob(1.0, each), ended(each, cancelled, None), RunCancelled(2.0, "enough")])
    assert (view.spent, view.errors, view.standing.cancelled) == (0.0, {}, "enough")


def test_who_is_out_is_remembered():
    view = view_of([*life(job(0), success(0.5)), Eliminate(2.0, (0, 0, 0)), Eliminate(2.0, (9, 9, 9))])
    assert [each.is_out for each in view.configurations] == [True]


def test_a_worker_goes_by_the_short_part_of_its_name():
    described = RunDescribed(0.0, "r", {})
    view = view_of([described, WorkerJoined(1.0, "hpbandster.run_r.worker.node7.42"), WorkerJoined(1.0, "w")])
    assert [worker.name for worker in view.workers] == ["node7.42", "w"]


def test_the_holders_of_an_experiment_are_workers_while_they_compute(tmp_path):
    url = f"sqlite:///{tmp_path}/e.db"
    settings = {"min_budget": 1, "max_budget": 9, "n_iterations": 1}
    with Experiment.create(url, "e", SPACE, HyperBand, **settings) as experiment:
        one, two, three = (experiment.suggest(worker) for worker in ("a", "b", "a"))
        experiment.observe(one, loss=0.5)
        experiment.release(two)
        view = view_of((event for record in experiment.records() for event in record.events), is_experiment=True)
        assert [(worker.name, worker.num_running) for worker in view.workers] == [("a", 1), ("b", 0)]
        assert view.counts[State.SUCCEEDED] == 1
        assert view.counts[State.RUNNING] == 1
        assert State.HANDED_BACK in view.attempts.state
        experiment.observe(three, error="no")
        assert experiment.progress.observed == {"succeeded": 1, "failed": 1}
