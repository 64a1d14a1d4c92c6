"""What the parts of the page are given: right, small, and safe to be written as JSON."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from hpbandster_ng.engine.events import (
    Eliminate,
    EndRequest,
    OpenIteration,
    QueueJob,
    RunCancelled,
    RunDescribed,
    RunRequested,
    StartJob,
    WorkerJoined,
    WorkerLost,
)
from hpbandster_ng.engine.records import Outcome, OutcomeState
from hpbandster_ng.interfaces.dashboard.payloads import shown
from hpbandster_ng.interfaces.dashboard.payloads.brackets import brackets
from hpbandster_ng.interfaces.dashboard.payloads.comparison import comparison, side_of
from hpbandster_ng.interfaces.dashboard.payloads.coordinates import coordinates
from hpbandster_ng.interfaces.dashboard.payloads.curves import curves
from hpbandster_ng.interfaces.dashboard.payloads.errors import errors
from hpbandster_ng.interfaces.dashboard.payloads.importance import evidence_of, found_in
from hpbandster_ng.interfaces.dashboard.payloads.losses import losses
from hpbandster_ng.interfaces.dashboard.payloads.overview import overview
from hpbandster_ng.interfaces.dashboard.payloads.pareto import pareto
from hpbandster_ng.interfaces.dashboard.payloads.statistics import correlation, model_against_random
from hpbandster_ng.interfaces.dashboard.payloads.table import configuration, table
from hpbandster_ng.interfaces.dashboard.payloads.timelines import timelines
from hpbandster_ng.interfaces.dashboard.view import RunView
from hpbandster_ng.storage.memory import MemoryStorage
from tests.interfaces.dashboard.logs import METRICS, ended, hostile_events, job, life, run_bohb, success

PARTS = {
    "overview": lambda view: overview(view, 100.0),
    "losses": losses,
    "pareto": pareto,
    "brackets": brackets,
    "curves": curves,
    "coordinates": coordinates,
    "table": table,
    "correlation": correlation,
    "model": model_against_random,
    "workers": timelines,
    "errors": errors,
    "importance": lambda view: found_in(evidence_of(view)),
    "comparison": lambda view: comparison(side_of(view, 100.0), side_of(view, 100.0)),
}


def view_of(events, **settings):
    view = RunView(**settings)
    for event in events:
        view.fold(event)
    return view


def many(num_configs=4000, num_workers=50):
    """A run of more configurations than any picture shows."""
    rng = np.random.default_rng(0)
    events = [RunRequested(0.0, 1), *(WorkerJoined(0.0, f"w{i}") for i in range(num_workers)), OpenIteration(0.0, 0)]
    for index in range(num_configs):
        config = {"x": float(rng.random()), "kind": "ab"[index % 2]}
        worker, at = f"w{index % num_workers}", float(index // num_workers)
        each = job(index, **config)
        failure = Outcome(OutcomeState.FAILED, None, f"Traceback\nValueError: {index} is bad")
        events += life(each, failure if index % 10 == 0 else success(config["x"]), worker, at, at + 0.5)
    return view_of(events)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A real run, and its result."""
    storage = MemoryStorage()
    result = run_bohb(storage, tmp_path_factory.mktemp("run"), n_iterations=6)
    return view_of(storage.read()), result


@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_json_of_any_run_and_small_of_a_long_one(part, finished):
    for view in (RunView(), finished[0], view_of(hostile_events()), many()):
        text = json.dumps(PARTS[part](view), allow_nan=False)
        assert len(text) < 300_000


# The overview


def state(*events, now=100.0, **settings):
    return overview(view_of(events, **settings), now)["state"]


def test_the_state_of_a_run_in_a_word():
    request, each = RunRequested(0.0, 1), job()
    begun = [request, WorkerJoined(0.0, "w"), OpenIteration(0.0, 0), QueueJob(0.0, each)]
    running = [*begun, StartJob(1.0, *each.key, 1, "w")]
    done = [*running, ended(each, success(0.5))]
    assert state() == "empty"
    assert state(RunDescribed(0.0, "r", {})) == "waiting"
    assert state(*begun) == "waiting"
    assert state(*running) == "running"
    assert state(*running, WorkerLost(2.0, "w", "gone")) == "waiting"
    assert state(*done) == "finished"
    assert state(*done, RunRequested(3.0, 1, call=2)) == "waiting"
    assert state(*done, RunRequested(3.0, 0, deadline=50.0, is_open_ended=True, call=2)) == "stopped"
    assert (
        state(*done, RunRequested(3.0, 0, total_budget=9.0, is_open_ended=True, call=2), EndRequest(4.0)) == "finished"
    )
    assert state(*done, RunCancelled(3.0, "enough")) == "cancelled"
    assert state(*done, is_recorded=True) == "recorded"


def test_the_time_left_follows_from_the_plan_and_what_it_rests_on_is_told():
    first, second = job(iteration=0), job(iteration=1)
    begun = [
        RunRequested(0.0, 2, planned_runs=2, planned_budget=2 * first.budget),
        OpenIteration(0.0, 0),
    ]

    def told(now, *events):
        shown = overview(view_of([*begun, *events]), now)
        return shown["seconds_left"], shown["why_left"]

    assert told(1.0) == (None, "no worker is there")
    joined = WorkerJoined(0.0, "a")
    assert told(1.0, joined) == (None, "no run has ended yet")
    running = [OpenIteration(10.0, 1), QueueJob(10.0, second), StartJob(10.0, *second.key, 1, "a")]
    events = [joined, *life(first, success(0.5), "a", 0.0, 10.0), *running]
    assert told(14.0, *events) == (6.0, "what is planned, and how fast 1 worker went so far")
    assert told(14.0, *events, RunRequested(14.0, 2, deadline=16.0)) == (2.0, "the time limit")
    assert told(30.0, *events, ended(second, success(0.5)))[1] == "nothing is left"
    begun = [RunRequested(0.0, 0, is_open_ended=True)]
    assert told(14.0, *events) == (None, "there is no limit")
    begun = [RunRequested(0.0, 2)]
    assert told(14.0, *events) == (None, "nobody told what is planned")
    begun = [RunRequested(0.0, 2, planned_budget=2 * first.budget)]  # by a model, which decides how many runs that is
    assert told(1.0, joined) == (None, "no run has ended yet")


def test_what_runs_takes_its_time_though_no_budget_is_left():
    first, second = job(iteration=0), job(iteration=1)
    events = [
        RunRequested(0.0, 0, total_budget=2 * first.budget, is_open_ended=True),
        WorkerJoined(0.0, "a"),
        *life(first, success(0.5), "a", 0.0, 10.0),
        QueueJob(10.0, second),
        StartJob(10.0, *second.key, 1, "a"),
        EndRequest(10.0),
    ]
    assert overview(view_of(events), 14.0)["seconds_left"] == 6.0  # of the usual 10


def test_the_incumbent_is_that_of_the_result(finished):
    view, result = finished
    incumbent = overview(view, 1e12)["incumbent"]
    config_id = shown.parsed_id(incumbent["id"])
    assert config_id == result.get_incumbent_id()
    assert incumbent["config"].keys() == result[config_id].config.keys()


# Brackets


def test_who_stands_where(finished):
    view, result = finished
    shown_rungs = {
        (each["iteration"], rung["budget"]): rung for each in brackets(view)["iterations"] for rung in each["rungs"]
    }
    for (iteration, budget), rung in shown_rungs.items():
        members = [run for run in result.get_all_runs() if (run.config_id[0], run.budget) == (iteration, budget)]
        assert {shown.parsed_id(name) for name, _, _ in rung["cells"]} == {run.config_id for run in members}
        for name, standing, loss in rung["cells"]:
            datum = result[shown.parsed_id(name)]
            is_last = max(datum.results) == budget
            expected = "failed" if datum.results[budget] is None else "went on" if not is_last else None
            expected = expected or {"COMPLETED": "completed", "TERMINATED": "out"}[datum.status]
            assert standing == expected
            assert (loss is None) == (standing == "failed")


def test_who_is_not_done_is_queued_runs_or_waits():
    jobs = [job(index) for index in range(4)]
    events = [QueueJob(0.0, each) for each in jobs]
    events += [RunDescribed(0.0, "r", {"max_budget": 9.0}), StartJob(1.0, *jobs[1].key, 1, "w")]
    events += [ended(jobs[2], success(0.5)), ended(jobs[3], success(0.6)), Eliminate(3.0, (0, 0, 3))]
    (rung,) = brackets(view_of(events))["iterations"][0]["rungs"]
    assert {name: standing for name, standing, _ in rung["cells"]} == {
        "0-0-0": "queued", "0-0-1": "running", "0-0-2": "waits", "0-0-3": "out",
    }  # fmt: skip


def test_iterations_are_shown_some_at_a_time():
    view = view_of(event for number in range(30) for event in life(job(iteration=number), success(0.5)))
    newest = brackets(view)
    assert [each["iteration"] for each in newest["iterations"]] == list(range(29, 21, -1))
    assert [each["iteration"] for each in brackets(view, last=3)["iterations"]] == [3, 2, 1, 0]
    assert (newest["first"], newest["last"], newest["num_iterations"]) == (0, 29, 30)


# Samples


def test_the_best_are_always_shown_and_the_rest_is_a_sample():
    view = many()
    found = losses(view)
    ((points,), best) = [each["runs"] for each in found["budgets"]], min(view.columns().loss[view.columns().is_success])
    assert found["num_runs"] == 3600 > found["num_shown"] == len(points) == 2000
    assert min(point[2] for point in points) == pytest.approx(best)
    assert curves(view)["num_configurations"] == 3600 > len(curves(view)["curves"]) == 200
    assert coordinates(view)["num_configurations"] == 3600 > len(coordinates(view)["rows"]) == 500


def test_a_sample_of_a_growing_run_hardly_changes():
    few, more = (set(shown.best_and_sample(np.arange(count, dtype=float), 0, 100)) for count in (2000, 2020))
    assert len(few & more) >= 95


def test_curves_of_one_iteration_and_their_points(finished):
    view, result = finished
    found = curves(view, iteration=0)["curves"]
    expected = {
        config_id: [list(point) for point in each[0]]
        for config_id, each in result.get_learning_curves().items()
        if config_id[0] == 0 and each[0]
    }
    assert {
        shown.parsed_id(each["id"]): [pytest.approx(point) for point in each["points"]] for each in found
    } == expected


def test_coordinates_know_the_search_space(finished):
    axes = {axis["name"]: axis for axis in coordinates(finished[0])["axes"]}
    assert axes["lr"] == {"name": "lr", "type": "number", "low": 1e-4, "high": 1.0}
    assert axes["kind"]["categories"] == ["relu", "tanh"]
    assert {row["values"][0] for row in coordinates(finished[0])["rows"]} <= {0.0, 1.0}


# The table


def ids(view, **query):
    return [row["id"] for row in table(view, **query)["rows"]]


def test_the_table_is_sorted_by_any_column_with_what_has_no_value_last():
    view = view_of(
        [
            *life(job(0, x=0.3), success(0.2), finished=5.0),
            *life(job(1, x=0.1, extra="b"), Outcome(OutcomeState.FAILED, None, "no"), finished=2.0),
            *life(job(2, x=0.2, extra="a"), success(0.1), finished=3.0),
            *life(job(2, budget=3.0, x=0.2, extra="a"), success(0.4), finished=4.5),
        ]
    )
    assert ids(view) == ["0-0-2", "0-0-0", "0-0-1"]  # who got farther comes first
    assert ids(view, descending=True) == ["0-0-2", "0-0-0", "0-0-1"]
    assert ids(view, sort="config.x") == ["0-0-1", "0-0-2", "0-0-0"]
    assert ids(view, sort="config.x", descending=True) == ["0-0-0", "0-0-2", "0-0-1"]
    assert ids(view, sort="config.extra") == ["0-0-2", "0-0-1", "0-0-0"]
    assert ids(view, sort="seconds") == ["0-0-1", "0-0-2", "0-0-0"]
    assert ids(view, sort="id", descending=True) == ["0-0-2", "0-0-1", "0-0-0"]
    assert ids(view, sort="nonsense") == ["0-0-0", "0-0-1", "0-0-2"]
    assert ids(view, hide_failed=True) == ["0-0-2", "0-0-0"]
    assert ids(view, typed="x<0.25 state=succeeded") == ["0-0-2"]
    assert ids(view, typed="failed") == ["0-0-1"]


def test_a_budget_is_found_by_what_is_shown_of_it():
    view = view_of(life(job(0, budget=2 / 3, x=0.3), success(0.2)))
    assert ids(view, typed="budget=0.666666666667") == ["0-0-0"]
    assert ids(view, typed="budget=0.667") == ids(view, typed="budget!=0.666666666667") == []


def test_a_page_of_the_table():
    view = many(120)
    page = table(view, sort="id", first=100, count=50)
    assert [row["id"] for row in page["rows"]] == [f"0-0-{index}" for index in range(100, 120)]
    assert (page["num_found"], page["first"]) == (120, 100)
    assert table(view, first=-5, count=10**9)["first"] == 0
    assert table(view, first=10**9)["rows"] == []


def test_all_about_a_configuration(finished):
    view, result = finished
    config_id = result.get_incumbent_id()
    found = configuration(view, config_id)
    assert [run["budget"] for run in found["runs"]] == sorted(result[config_id].results)
    assert found["runs"][-1]["loss"] == pytest.approx(result[config_id].results[9.0]["loss"])
    assert found["runs"][-1]["worker"] == "inprocess"
    assert "'epochs': 9" in found["runs"][-1]["info"]
    failed = next(run for run in result.get_all_runs() if run.loss is None)
    assert "which is too much" in configuration(view, failed.config_id)["runs"][0]["error"]
    assert configuration(view, (9, 9, 9)) is None


# Statistics


def test_ranks_that_hold_on_the_larger_budget_correlate_by_one():
    view = view_of(
        event
        for index in range(5)
        for budget, loss in ((1.0, index), (3.0, 2.0 * index), (9.0, -index))
        for event in life(job(index, budget), success(float(loss)))
    )
    found = correlation(view)
    assert found["budgets"] == [1.0, 3.0, 9.0]
    assert found["cells"] == [[0, 1, 1.0, 5], [0, 2, -1.0, 5], [1, 2, -1.0, 5]]


def test_too_few_configurations_tell_no_correlation():
    view = view_of(
        event for index in range(2) for budget in (1.0, 3.0) for event in life(job(index, budget), success(0.5))
    )
    assert correlation(view)["cells"] == [[0, 1, None, 2]]


def test_model_and_random_picks_share_their_bins(finished):
    view, result = finished
    found = model_against_random(view)
    assert found["model"] + found["random"] == len(result.data)
    for each in found["budgets"]:
        assert sum(each["model"]["bins"]) == each["model"]["count"]
        assert sum(each["random"]["bins"]) == each["random"]["count"]
        assert len(each["edges"]) == len(each["model"]["bins"]) + 1


def test_errors_of_one_kind_are_one_group():
    found = errors(many(200, 1))
    assert (found["num_errors"], found["num_groups"]) == (20, 1)
    assert found["groups"][0]["count"] == 20
    assert found["groups"][0]["summary"] == "ValueError: 190 is bad"
    assert found["groups"][0]["traceback"].startswith("Traceback")


# Workers


def test_bars_absences_and_the_share_of_the_time():
    each = job()
    events = [WorkerJoined(0.0, "w"), *life(each, success(0.5), started=0.0, finished=4.0)]
    events += [WorkerLost(6.0, "w", "gone"), WorkerJoined(8.0, "w"), OpenIteration(10.0, 1)]
    found = timelines(view_of(events))
    assert found["bars"] == [[0, 0.0, 4.0, "succeeded", "0-0-0", 1.0, 1]]
    assert found["absences"] == [[0, 6.0, 8.0, "gone"]]
    assert found["workers"] == [{"name": "w", "is_here": True, "computing": 4.0, "present": 8.0}]
    part = timelines(view_of(events), begin=2.0, end=3.0)
    assert part["workers"][0]["computing"] == 1.0
    assert timelines(view_of(events), begin=5.0, end=6.0)["bars"] == []


def test_of_very_many_attempts_the_share_of_each_bin_is_told():
    found = timelines(many(5000, 1))
    assert found["bars"] == []
    assert len(found["bins"]) == found["num_bins"]
    assert all(share == pytest.approx(0.5, abs=0.05) for _, _, share in found["bins"])
    assert sum(share for *_, share in found["bins"]) * 5000 / 240 == pytest.approx(2500, rel=0.01)


def test_workers_are_shown_some_at_a_time():
    found = timelines(many(200, 50), first=40)
    assert [each["name"] for each in found["workers"]] == [f"w{i}" for i in range(40, 50)]
    assert {bar[0] for bar in found["bars"]} == set(range(10))


# Importance, comparison


def test_the_hyperparameter_that_matters_comes_first():
    found = found_in(evidence_of(many(400)))
    assert [each["name"] for each in found["effects"]] == ["x", "kind"]
    assert found["effects"][0]["main"] > 0.9
    assert [each["is_told"] for each in found["effects"]] == [True, False]
    curve = found["curves"][0]
    assert curve["loss"][0] < curve["loss"][-1]
    assert curve["values"] == sorted(curve["values"])


def test_of_a_few_configurations_nothing_is_told_of_importance():
    assert found_in(evidence_of(many(5)))["effects"] == []


def test_two_runs_beside_each_other(finished):
    view, _ = finished
    other = view_of([RunDescribed(0.0, "other", {"optimizer": "HyperBand", "eta": 3}), *life(job(), success(0.5))])
    found = comparison(side_of(view, 1e12), side_of(other, 1e12))
    settings = {name: values for name, *values in found["settings"]}
    assert settings["optimizer"] == ["BOHB", "HyperBand"]
    assert "eta" not in settings
    assert [each["budget"] for each in found["budgets"]] == [1.0]
    assert found["has_same_space"] is None
    assert comparison(side_of(view, 0.0), side_of(view, 0.0))["settings"] == []


def test_numbers_that_json_has_not_are_null():
    assert [shown.number(value) for value in (None, math.nan, math.inf, 1 / 3)] == [None, None, None, 0.3333333]


# The Pareto front


def measured(*rows, metrics=METRICS):
    """A view of an experiment whose configurations were measured, each on a budget."""
    names = [each["name"] for each in metrics]
    events = [RunDescribed(0.0, "e", {"metrics": metrics})]
    for index, (budget, *values) in enumerate(rows):
        result = {"loss": 0.0, "info": None, "metrics": dict(zip(names, values, strict=True))}
        events += life(job(index, budget), Outcome(OutcomeState.SUCCEEDED, result))
    return view_of(events, is_experiment=True)


ROWS = [
    (1.0, 1.0, 0.0, 0.1),  # would be on the front, on a smaller budget
    (9.0, 0.9, 5.0, 0.1),
    (9.0, 0.5, 1.0, 0.1),
    (9.0, 0.5, 2.0, 0.1),  # dominated
    (9.0, 1.0, 0.0, 0.9),  # infeasible
    (9.0, 0.9, 5.0, 0.2),  # as good as another one
    (27.0, 1.0, 0.0, 0.9),  # infeasible, alone on its budget
]


def ids_of(rows):
    return [row["id"] for row in rows]


def test_the_front_is_that_of_the_largest_budget_with_a_feasible_configuration():
    found = pareto(measured(*ROWS))
    assert found["budget"] == 9.0
    assert ids_of(found["front"]) == ["0-0-1", "0-0-5", "0-0-2"]
    assert found["front"][0]["values"] == [0.9, 5.0, 0.1]
    assert {row["id"]: row["is_feasible"] for row in found["others"]} == {"0-0-3": True, "0-0-4": False}
    assert (found["num_runs"], found["num_front"], found["num_infeasible"]) == (5, 3, 1)
    assert (found["first"], found["second"]) == ("accuracy", "latency")
    assert [metric["strategy"] for metric in found["metrics"]] == ["optimize", "optimize", "constraint"]


def test_where_nothing_is_feasible_there_is_no_front():
    found = pareto(measured((9.0, 1.0, 0.0, 0.9), (3.0, 1.0, 0.0, 0.9)))
    assert (found["budget"], found["front"], ids_of(found["others"])) == (9.0, [], ["0-0-0"])


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        ((None, None), ("accuracy", "latency")),
        (("size", None), ("size", "accuracy")),
        ((None, "accuracy"), ("latency", "accuracy")),
        (("size", "latency"), ("size", "latency")),
        (("size", "size"), ("size", "accuracy")),
        (("memory", "nothing"), ("accuracy", "latency")),
    ],
)
def test_any_two_optimised_metrics_make_a_picture(asked, chosen):
    metrics = [*METRICS[:2], {"name": "size"}, METRICS[2]]
    found = pareto(measured((9.0, 1.0, 0.0, 3.0, 0.1), metrics=metrics), *asked)
    assert (found["first"], found["second"]) == chosen


@pytest.mark.parametrize("metrics", [METRICS[:1], None, 7, "loss", [7], [{"name": "a"}, {"name": "a"}], [{"b": 1}]])
def test_without_several_metrics_there_is_none(metrics):
    assert pareto(view_of([RunDescribed(0.0, "e", {"metrics": metrics})]))["metrics"] == []


@pytest.mark.parametrize("values", [{}, {"accuracy": 1.0}, [1.0], {"accuracy": "x", "latency": 0.0, "memory": 0.0}])
def test_what_was_measured_in_part_is_not_shown(values):
    view = measured(ROWS[1])
    result = {"loss": 0.0, "info": None, "metrics": values}
    for event in life(job(7, 9.0), Outcome(OutcomeState.SUCCEEDED, result)):
        view.fold(event)
    assert pareto(view)["num_runs"] == 1


def test_of_a_large_experiment_the_front_and_a_sample_are_shown():
    rng = np.random.default_rng(0)
    view = measured(*((9.0, *row) for row in rng.random((5000, 3))))
    found = pareto(view)
    assert len(found["front"]) == found["num_front"] < 50
    assert len(found["others"]) == 1500
    assert len(json.dumps(found)) < 300_000
    anticorrelated = measured(*((9.0, x, x, 0.0) for x in rng.random(1000)))
    assert len(pareto(anticorrelated)["front"]) == 500 < pareto(anticorrelated)["num_front"] == 1000
