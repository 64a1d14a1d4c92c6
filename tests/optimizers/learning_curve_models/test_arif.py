from __future__ import annotations

import sys

import numpy as np
import pytest

from hpbandster_ng.errors import InvalidArgumentError, MissingExtraError

pytest.importorskip("sklearn", reason="ARIF needs the scikit-learn extra")
from hpbandster_ng.optimizers.learning_curve_models.arif import ARIF

EPOCHS = np.arange(1.0, 21.0)


def synthetic(rng: np.random.Generator, n: int) -> tuple[np.ndarray, list[np.ndarray]]:
    configs = rng.random((n, 2))
    curves = [0.2 + x[0] + 2 * np.exp(-EPOCHS / (2 + 3 * x[1])) + rng.normal(0, 0.01, 20) for x in configs]
    return configs, curves


@pytest.fixture(scope="module")
def fitted() -> tuple[ARIF, np.ndarray, list[np.ndarray]]:
    configs, curves = synthetic(np.random.default_rng(0), 120)
    model = ARIF(rng=np.random.default_rng(1))
    model.fit([EPOCHS] * 60, curves[:60], configs[:60])
    return model, configs[60:], curves[60:]


def rmse(errors: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(errors))))


def test_partial_curves_are_extended_better_than_by_their_last_value_and_calibrated(fitted):
    model, configs, curves = fitted
    truth = np.array([c[-1] for c in curves])
    last = np.array([c[4] for c in curves])
    extended = [model.extend_partial([20.0], EPOCHS[:5], c[:5], x) for c, x in zip(curves, configs, strict=True)]
    mean, variance = np.array(extended)[:, :, 0].T
    assert rmse(mean - truth) < 0.3 * rmse(last - truth)
    assert 0.8 <= np.mean(np.abs(mean - truth) < 1.645 * np.sqrt(variance)) <= 1.0


def test_unseen_configurations_are_predicted_better_than_by_the_mean(fitted):
    model, configs, curves = fitted
    truth = np.array([c[-1] for c in curves])
    mean, variance = model.predict_unseen([20.0], configs)
    assert mean.shape == variance.shape == (60, 1)
    assert rmse(mean[:, 0] - truth) < 0.6 * truth.std()
    assert 0.8 <= np.mean(np.abs(mean[:, 0] - truth) < 1.645 * np.sqrt(variance[:, 0])) <= 1.0


def test_observed_times_return_the_observation(fitted):
    model, configs, curves = fitted
    mean, variance = model.extend_partial([2.0, 5.0], EPOCHS[:5], curves[0][:5], configs[0])
    np.testing.assert_allclose(mean, curves[0][[1, 4]])
    np.testing.assert_allclose(variance, 0.0, atol=1e-20)


def test_uncertainty_grows_with_the_distance(fitted):
    model, configs, curves = fitted
    variance = np.mean(
        [
            model.extend_partial([6.0, 10.0, 20.0], EPOCHS[:5], c[:5], x)[1]
            for c, x in zip(curves[:20], configs, strict=False)
        ],
        axis=0,
    )
    assert variance[0] < variance[1] <= 1.2 * variance[2]


def test_without_configurations():
    _, curves = synthetic(np.random.default_rng(0), 40)
    model = ARIF(rng=np.random.default_rng(1))
    model.fit([EPOCHS] * 40, curves)
    mean, variance = model.predict_unseen([1.0, 20.0], None)
    assert mean.shape == variance.shape == (2,)
    np.testing.assert_allclose(mean, np.mean(curves, axis=0)[[0, 19]], atol=0.3)
    assert model.extend_partial([20.0], EPOCHS[:10], curves[0][:10])[0][0] == pytest.approx(curves[0][-1], abs=0.1)


def test_equal_generators_give_equal_predictions():
    configs, curves = synthetic(np.random.default_rng(0), 10)
    results = []
    for _ in range(2):
        model = ARIF(num_trees=8, rng=np.random.default_rng(5))
        model.fit([EPOCHS] * 10, curves, configs)
        results.append(model.predict_unseen([20.0], configs))
    np.testing.assert_array_equal(*results)


def test_curves_of_unequal_length_and_inactive_hyperparameters():
    configs, curves = synthetic(np.random.default_rng(0), 20)
    configs[:5, 1] = np.nan
    lengths = [1, 3, 20, 7] * 5
    model = ARIF(num_trees=8, rng=np.random.default_rng(5))
    model.fit([EPOCHS[:n] for n in lengths], [c[:n] for n, c in zip(lengths, curves, strict=True)], configs)
    mean, variance = model.predict_unseen(EPOCHS, configs[0])
    assert np.isfinite(mean).all()
    assert np.isfinite(variance).all()


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: ARIF(order=0), "order=0 must be at least 1"),
        (lambda: ARIF().fit([[1.0]], [[1.0]]), "curve of two points"),
        (lambda: ARIF().fit([[1.0, 2.0]], [[1.0, 0.5]], [[1.0], [2.0]]), "configs=.* must be of shape"),
        (lambda: ARIF().predict_unseen([1.0], None), "must be fitted"),
        (lambda: ARIF().extend_partial([1.0], [1.0], [1.0]), "must be fitted"),
    ],
)
def test_bad_input_is_refused_by_name(act, message):
    with pytest.raises(InvalidArgumentError, match=message):
        act()


def test_without_scikit_learn_only_fit_fails_and_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    model = ARIF()
    with pytest.raises(MissingExtraError, match=r"ARIF needs scikit-learn; .* 'hpbandster_ng\[sklearn\]'"):
        model.fit([[1.0, 2.0]], [[1.0, 0.5]])
