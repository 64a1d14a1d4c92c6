"""A result as Optuna sees it, and as it draws it."""

from __future__ import annotations

import warnings

import ConfigSpace
import pytest

pytest.importorskip("optuna", reason="Optuna is not installed (pip install optuna)")

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from hpbandster_ng.core.result import Datum, Result
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.integrations.optuna import optuna_study
from tests.integrations.logs import run
from tests.integrations.spaces import SPACE

PLOTS = [
    "contour", "edf", "intermediate_values", "optimization_history", "parallel_coordinate", "param_importances", "rank",
    "slice", "timeline",
]  # fmt: skip


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return run(tmp_path_factory.mktemp("run"), n_iterations=4)


def test_a_configuration_is_a_trial(result):
    study = optuna_study(result, SPACE)
    assert len(study.trials) == len(result.data)
    by_id = {trial.user_attrs["config_id"]: trial for trial in study.trials}
    for config_id, datum in result.data.items():
        trial, runs = by_id["_".join(map(str, config_id))], result.get_runs_by_id(config_id)
        assert trial.params == datum.config
        assert trial.intermediate_values == {run.budget: run.loss for run in runs if run.is_success}
        assert trial.user_attrs.get("time.train") == (3 if runs[-1].is_success else None)
        assert trial.user_attrs["model_based_pick"] == datum.config_info["model_based_pick"]
        if not runs[-1].is_success:
            assert trial.state is TrialState.FAIL
            assert "x is too large" in trial.user_attrs["error"]
        else:
            assert trial.value == runs[-1].loss
            assert trial.state is (TrialState.COMPLETE if runs[-1].budget == 9 else TrialState.PRUNED)
        took = trial.datetime_complete - trial.datetime_start
        stamps = runs[0].time_stamps["started"], runs[-1].time_stamps["finished"]
        assert took.total_seconds() == pytest.approx(stamps[1] - stamps[0], abs=1e-3)
    assert {trial.state for trial in study.trials} == {TrialState.FAIL, TrialState.PRUNED, TrialState.COMPLETE}
    assert study.best_value == min(run.loss for run in result.get_all_runs() if run.budget == 9)


@pytest.mark.slow
@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("library", ["plotly", "matplotlib"])
def test_optuna_draws_it(result, library, plot):
    pytest.importorskip(library)
    drawers = optuna.visualization if library == "plotly" else optuna.visualization.matplotlib
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna calls these experimental
        assert getattr(drawers, f"plot_{plot}")(optuna_study(result, SPACE)) is not None


def test_every_kind_of_hyperparameter_has_a_distribution():
    space = ConfigSpace.ConfigurationSpace(
        {
            "log": ConfigSpace.UniformFloatHyperparameter("log", 1e-4, 1.0, log=True),
            "int": ConfigSpace.UniformIntegerHyperparameter("int", 1, 64, log=True),
            "normal": ConfigSpace.NormalFloatHyperparameter("normal", 0.0, 1.0, lower=-3.0, upper=3.0),
            "ordinal": ConfigSpace.OrdinalHyperparameter("ordinal", ["small", "large"]),
            "constant": ConfigSpace.Constant("constant", 7),
            "inactive": (0.0, 1.0),
        }
    )
    config = {"log": 0.01, "int": 8, "normal": -0.5, "ordinal": "large", "constant": 7}
    datum = Datum(config, {}, {1.0: {"loss": 0.5, "info": None}}, {1.0: {"finished": 1.0}}, {1.0: None})
    (trial,) = optuna_study(Result({(0, 0, 0): datum}, {"max_budget": 1.0}), space).trials
    assert trial.params == config
    assert trial.distributions == {
        "log": FloatDistribution(1e-4, 1.0, log=True),
        "int": IntDistribution(1, 64, log=True),
        "normal": FloatDistribution(-3.0, 3.0),
        "ordinal": CategoricalDistribution(["small", "large"]),
        "constant": CategoricalDistribution([7]),
    }


def test_a_space_of_another_run_is_refused(result):
    with pytest.raises(InvalidArgumentError, match=r"configspace=.* does not have"):
        optuna_study(result, ConfigSpace.ConfigurationSpace({"y": (0.0, 1.0)}))


def test_a_result_without_runs_is_a_study_without_trials():
    assert optuna_study(Result({}, {}), SPACE).trials == []
