"""A result as numbers: every column as documented, and nothing of the caller's is changed."""

from __future__ import annotations

import builtins

import ConfigSpace
import numpy as np
import pytest

from hpbandster_ng.core.result import Result
from hpbandster_ng.engine.iteration import Datum
from hpbandster_ng.errors import InvalidArgumentError, MissingExtraError


def space(*extra):
    made = ConfigSpace.ConfigurationSpace(seed=1)
    kind = ConfigSpace.CategoricalHyperparameter("kind", ["sgd", "adam"])
    momentum = ConfigSpace.UniformFloatHyperparameter("momentum", 0.0, 1.0)
    hyperparameters = [
        ConfigSpace.UniformFloatHyperparameter("rate", 1e-4, 1.0, log=True),
        ConfigSpace.UniformIntegerHyperparameter("units", 1, 64),
        ConfigSpace.OrdinalHyperparameter("size", ["s", "m", "l"]),
        ConfigSpace.Constant("version", "v1"),
        kind,
        momentum,
        *extra,
    ]
    if hasattr(made, "add"):
        made.add([*hyperparameters, ConfigSpace.EqualsCondition(momentum, kind, "sgd")])
    else:
        made.add_hyperparameters(hyperparameters)
        made.add_condition(ConfigSpace.EqualsCondition(momentum, kind, "sgd"))
    return made


ADAM = {"rate": 0.01, "units": 8, "size": "m", "version": "v1", "kind": "adam"}
SGD = {**ADAM, "kind": "sgd", "size": "l", "momentum": 0.9}
ADAM_ROW = {"rate": 0.01, "units": 8, "size": 1, "version": 0, "kind": 1, "momentum": np.nan}
SGD_ROW = {**ADAM_ROW, "size": 2, "kind": 0, "momentum": 0.9}


def result(budgets=(1.0, 3.0), adam=ADAM, sgd=SGD):
    def made(config, losses):
        stamps = {budget: {"finished": 1.0} for budget in losses}
        results = {
            budget: None if loss is None else {"loss": loss, "info": {"test": 2 * loss}}
            for budget, loss in losses.items()
        }
        return Datum(config, {}, results, stamps, dict.fromkeys(losses))

    data = {(0, 0, 0): made(adam, {1.0: 0.5, 3.0: 0.4}), (0, 0, 1): made(sgd, {1.0: None})}
    return Result(data, {"budgets": list(budgets), "max_budget": budgets[-1]})


def rows(X, columns):
    return [dict(zip(columns, row, strict=True)) for row in X]


def test_fanova_data_has_a_column_for_each_hyperparameter_and_for_the_budget():
    X, y, extended = result().get_fANOVA_data(space())
    expected = [{**ADAM_ROW, "budget": 1.0}, {**ADAM_ROW, "budget": 3.0}]
    np.testing.assert_equal(rows(X, list(extended)), expected)
    np.testing.assert_equal(y, [0.5, 0.4])
    axis = extended["budget"]
    assert (axis.lower, axis.upper, axis.log) == (1.0, 3.0, True)


def test_failed_runs_get_the_loss_that_is_asked_for():
    X, y, extended = result().get_fANOVA_data(space(), failed_loss=9.0)
    np.testing.assert_equal(rows(X, list(extended))[2], {**SGD_ROW, "budget": 1.0})
    np.testing.assert_equal(y, [0.5, 0.4, 9.0])


def test_a_lost_run_is_no_failed_one():
    lost = result()
    for datum in lost.data.values():
        datum.outcomes = {budget: "lost" for budget, each in datum.results.items() if each is None}
    np.testing.assert_equal(lost.get_fANOVA_data(space(), failed_loss=9.0)[1], [0.5, 0.4])


def test_one_budget_needs_no_column():
    X, y, same = result().get_fANOVA_data(space(), budgets=[1.0], failed_loss=9.0)
    assert same == space()
    np.testing.assert_equal(rows(X, list(same)), [ADAM_ROW, SGD_ROW])
    np.testing.assert_equal(y, [0.5, 9.0])


def test_the_loss_may_be_another_one():
    assert list(result().get_fANOVA_data(space(), loss_fn=lambda run: run.info["test"])[1]) == [1.0, 0.8]


def test_the_loss_of_a_data_frame_may_be_another_one():
    pytest.importorskip("pandas")
    assert list(result().get_pandas_dataframe(loss_fn=lambda run: run.info["test"])[1]["loss"]) == [1.0, 0.8]


def test_the_callers_space_is_not_changed():
    mine = space()
    for _ in range(2):
        result().get_fANOVA_data(mine)
        result().get_fANOVA_data(mine, budgets=[1.0])
    assert mine == space()


def test_no_run_at_all_gives_empty_arrays():
    X, y, extended = result().get_fANOVA_data(space(), budgets=[7.0, 9.0])
    assert X.shape == (0, 7)
    assert y.shape == (0,)
    assert len(list(extended)) == 7


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"kind": "rmsprop"}, "does not offer 'rmsprop'"),
        ({"size": "xl"}, "does not offer 'xl'"),
        ({"unknown": 1}, r"does not have \['unknown'\]"),
    ],
)
def test_a_space_that_does_not_fit_is_refused(changes, complaint):
    with pytest.raises(InvalidArgumentError, match=f"config_space=.*{complaint}"):
        result(adam={**ADAM, **changes}).get_fANOVA_data(space())


def test_a_hyperparameter_called_budget_stays_what_it_is():
    pytest.importorskip("pandas")
    own = ConfigSpace.UniformFloatHyperparameter("budget", 0.0, 10.0)
    res = result(adam={**ADAM, "budget": 7.0}, sgd={**SGD, "budget": 8.0})
    X, _, same = res.get_fANOVA_data(space(own), budgets=[1.0])
    assert rows(X, list(same))[0]["budget"] == 7.0
    assert list(res.get_pandas_dataframe(budgets=[1.0])[0]["budget"]) == [7.0]
    for ask in (lambda: res.get_fANOVA_data(space(own)), res.get_pandas_dataframe):
        with pytest.raises(InvalidArgumentError, match=r"budgets=\[1.0, 3.0\] must be one budget"):
            ask()


def test_data_frames_have_a_row_for_each_successful_run_with_its_own_budget():
    pytest.importorskip("pandas")
    X, y = result().get_pandas_dataframe()
    assert X.to_dict("records") == [{**ADAM, "budget": 1.0}, {**ADAM, "budget": 3.0}]
    assert y.to_dict("list") == {"loss": [0.5, 0.4]}


def test_a_data_frame_of_one_budget_has_no_budget_column():
    pytest.importorskip("pandas")
    X, y = result().get_pandas_dataframe(budgets=[3.0])
    assert X.to_dict("records") == [ADAM]
    assert list(y["loss"]) == [0.4]


def test_a_missing_pandas_is_named_with_its_extra(monkeypatch):
    original = builtins.__import__

    def without_pandas(name, *args, **kwargs):
        if name == "pandas":
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    with pytest.raises(MissingExtraError, match=r"pip install 'hpbandster_ng\[pandas\]'"):
        result().get_pandas_dataframe()


def test_the_tidy_frame_has_a_row_for_each_run_and_all_that_is_known_of_it():
    pd = pytest.importorskip("pandas")
    known = Datum({"x": 0.5, "act": "relu"}, {"model_based_pick": True})
    known.results = {1.0: {"loss": 0.5, "info": {"test": 1.0, "curve": [1]}}, 3.0: None}
    known.time_stamps = {1.0: {"submitted": 0.0, "started": 1.0, "finished": 3.5}, 3.0: {"submitted": 4, "finished": 5}}
    known.exceptions, known.outcomes, known.workers = {3.0: "it died"}, {3.0: "lost"}, {1.0: "w"}
    several = Datum(
        {"x": 1.5}, {}, {1.0: {"loss": 0.25, "info": "text", "metrics": {"size": 7}}}, {1.0: {"finished": 2}}
    )
    frame = Result({(0, 0, 0): known, (2, 1, 7): several}, {}).to_pandas()
    expected = {
        "iteration": [0, 0, 2],
        "stage": [0, 0, 1],
        "index": [0, 0, 7],
        "budget": [1.0, 3.0, 1.0],
        "loss": [0.5, None, 0.25],
        "outcome": ["succeeded", "lost", "succeeded"],
        "submitted": [0.0, 4, None],
        "started": [1.0, None, None],
        "finished": [3.5, 5, 2],
        "duration": [2.5, None, None],
        "worker": ["w", None, None],
        "model_based_pick": [True, True, None],
        "error": [None, "it died", None],
        "config.x": [0.5, 0.5, 1.5],
        "config.act": ["relu", "relu", None],
        "metric.size": [None, None, 7],
        "info.test": [1.0, None, None],
    }
    told = {name: [None if pd.isna(value) else value for value in frame[name]] for name in frame.columns}
    assert told == expected
    assert list(told) == list(expected)


def test_the_tidy_frame_of_no_run_has_its_columns():
    pytest.importorskip("pandas")
    frame = Result({}, {}).to_pandas()
    assert len(frame) == 0
    assert list(frame.columns)[:6] == ["iteration", "stage", "index", "budget", "loss", "outcome"]
