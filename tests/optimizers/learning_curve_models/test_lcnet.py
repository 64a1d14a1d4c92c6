from __future__ import annotations

import numpy as np
import pytest

from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers.learning_curve_models.curve_basis import CurveBasis
from hpbandster_ng.optimizers.learning_curve_models.lcnet import LCNet

EPOCHS = np.arange(1.0, 51.0)
Z_90 = 1.645


def synthetic(rng: np.random.Generator, n: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Curves that decay exponentially or as a power; asymptote, height and rate depend on the configuration."""
    configs = rng.random((n, 3))
    asymptote = 0.1 + (configs[:, 0] - 0.4) ** 2 + 0.3 * configs[:, 1] * configs[:, 0] + rng.normal(0, 0.03, n)
    height = 0.5 + 0.5 * configs[:, 1]
    rate = np.exp(rng.normal(-2 + 1.5 * configs[:, 2], 0.2))
    shapes = [
        np.exp(-r * EPOCHS) if exponential else EPOCHS ** (-4 * r)
        for r, exponential in zip(rate, rng.random(n) < 0.5, strict=True)
    ]
    curves = [a + h * s + rng.normal(0, 0.01, len(EPOCHS)) for a, h, s in zip(asymptote, height, shapes, strict=True)]
    return configs, curves


def rmse(errors: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(errors))))


@pytest.fixture(scope="module")
def fitted() -> tuple[LCNet, np.ndarray, list[np.ndarray]]:
    configs, curves = synthetic(np.random.default_rng(0), 260)
    model = LCNet(np.random.default_rng(1))
    model.fit([EPOCHS] * 60, curves[:60], configs[:60])
    return model, configs[60:], curves[60:]


def test_unseen_configurations_are_predicted_better_than_by_the_mean_and_calibrated(fitted):
    model, configs, curves = fitted
    truth = np.array([curve[-1] for curve in curves])
    mean, variance = (values[:, 0] for values in model.predict_unseen([50.0], configs))
    assert rmse(mean - truth) < 0.45 * truth.std()
    assert 0.80 <= np.mean(np.abs(mean - truth) < Z_90 * np.sqrt(variance)) <= 0.99


def test_partial_curves_are_extended_better_than_by_their_last_value_and_calibrated(fitted):
    model, configs, curves = fitted
    truth = np.array([curve[-1] for curve in curves])
    last = np.array([curve[9] for curve in curves])
    extended = [
        model.extend_partial([50.0], EPOCHS[:10], curve[:10], config)
        for curve, config in zip(curves, configs, strict=True)
    ]
    mean, variance = np.array(extended)[:, :, 0].T
    assert rmse(mean - truth) < 0.5 * rmse(last - truth)
    assert 0.80 <= np.mean(np.abs(mean - truth) < Z_90 * np.sqrt(variance)) <= 0.99


def test_the_more_was_seen_of_a_curve_the_surer_its_end(fitted):
    model, configs, curves = fitted
    variances = [model.extend_partial([50.0], EPOCHS[:n], curves[0][:n], configs[0])[1][0] for n in (1, 5, 20, 49)]
    assert variances == sorted(variances, reverse=True)
    assert variances[-1] < 0.25 * variances[0]


def test_curves_of_unequal_length_share_their_ends():
    """As successive halving leaves them: most configurations stop early."""
    rng = np.random.default_rng(3)
    configs, curves = synthetic(rng, 260)
    lengths = [5] * 60 + [16] * 30 + [50] * 20
    model = LCNet(np.random.default_rng(1))
    model.fit(
        [EPOCHS[:n] for n in lengths], [c[:n] for c, n in zip(curves, lengths, strict=False)], configs[: len(lengths)]
    )
    truth = np.array([curve[-1] for curve in curves[110:]])
    mean, variance = (values[:, 0] for values in model.predict_unseen([50.0], configs[110:]))
    assert rmse(mean - truth) < 0.5 * truth.std()
    assert 0.80 <= np.mean(np.abs(mean - truth) < Z_90 * np.sqrt(variance)) <= 0.99


def test_without_configurations_partial_curves_are_extended():
    _, curves = synthetic(np.random.default_rng(0), 160)
    model = LCNet(np.random.default_rng(1))
    model.fit([EPOCHS] * 60, curves[:60])
    truth, last = np.array([c[-1] for c in curves[60:]]), np.array([c[9] for c in curves[60:]])
    mean = np.array([model.extend_partial([50.0], EPOCHS[:10], c[:10])[0][0] for c in curves[60:]])
    assert rmse(mean - truth) < 0.75 * rmse(last - truth)
    mean, variance = model.predict_unseen(EPOCHS, None)
    assert mean.shape == variance.shape == (50,)
    np.testing.assert_allclose(mean, np.mean(curves[:60], axis=0), atol=0.05)


def test_a_model_of_configurations_extends_a_curve_of_an_unknown_one(fitted):
    model, _, curves = fitted
    truth, last = np.array([c[-1] for c in curves]), np.array([c[9] for c in curves])
    mean = np.array([model.extend_partial([50.0], EPOCHS[:10], c[:10])[0][0] for c in curves])
    assert rmse(mean - truth) < 0.75 * rmse(last - truth)


def test_shapes_for_one_and_for_many_configurations(fitted):
    model, configs, _ = fitted
    one = model.predict_unseen([10.0, 20.0, 50.0], configs[0])
    many = model.predict_unseen([10.0, 20.0, 50.0], configs[:7])
    assert [a.shape for a in one] == [(3,), (3,)]
    assert [a.shape for a in many] == [(7, 3), (7, 3)]
    np.testing.assert_allclose(many[0][0], one[0])
    np.testing.assert_allclose(many[1][0], one[1])


def test_predictions_do_not_depend_on_the_units_of_time_and_loss():
    configs, curves = synthetic(np.random.default_rng(0), 20)
    predictions = []
    for seconds, factor in [(1.0, 1.0), (3600.0, 1e4)]:
        model = LCNet(np.random.default_rng(1))
        model.fit([EPOCHS * seconds] * 20, [c * factor for c in curves], configs)
        mean, variance = model.predict_unseen([25 * seconds], configs[0])
        predictions.append((mean[0] / factor, variance[0] / factor**2))
    np.testing.assert_allclose(*predictions, rtol=1e-6)


def test_equal_generators_give_equal_predictions():
    configs, curves = synthetic(np.random.default_rng(0), 10)
    results = []
    for _ in range(2):
        model = LCNet(np.random.default_rng(5))
        model.fit([EPOCHS] * 10, curves, configs)
        results.append(model.predict_unseen([50.0], configs))
    np.testing.assert_array_equal(*results)


def test_one_diverged_curve_does_not_blind_the_model():
    configs, curves = synthetic(np.random.default_rng(0), 160)
    curves[0] = curves[0] * 1e6
    model = LCNet(np.random.default_rng(1))
    model.fit([EPOCHS] * 60, curves[:60], configs[:60])
    truth = np.array([curve[-1] for curve in curves[60:]])
    mean, _ = model.predict_unseen([50.0], configs[60:])
    assert rmse(mean[:, 0] - truth) < 0.8 * truth.std()


def test_inactive_hyperparameters_are_understood():
    rng = np.random.default_rng(0)
    configs = rng.random((80, 2))
    configs[::2, 1] = np.nan
    level = np.where(np.isnan(configs[:, 1]), 0.9, configs[:, 1] * 0.5)
    model = LCNet(np.random.default_rng(1))
    model.fit([EPOCHS] * 80, [at + np.exp(-EPOCHS / 5) + rng.normal(0, 0.01, 50) for at in level], configs)
    mean, _ = model.predict_unseen([50.0], [[0.3, np.nan], [0.3, 0.2], [0.3, 0.8]])
    np.testing.assert_allclose(mean[:, 0], [0.9, 0.1, 0.4], atol=0.08)


@pytest.mark.parametrize(("n", "length"), [(1, 1), (1, 20), (3, 1), (2, 50)])
def test_the_smallest_inputs_give_finite_predictions(n, length):
    configs, curves = synthetic(np.random.default_rng(0), n)
    model = LCNet(np.random.default_rng(1))
    model.fit([EPOCHS[:length]] * n, [c[:length] for c in curves], configs)
    mean, variance = model.predict_unseen([1.0, 50.0, 500.0], configs[0])
    assert np.isfinite(mean).all()
    assert (variance > 0).all()


def test_equal_losses_everywhere_are_no_problem():
    model = LCNet(np.random.default_rng(1))
    model.fit([EPOCHS] * 3, [np.full(50, 0.7)] * 3, np.eye(3))
    assert model.predict_unseen([50.0], np.zeros(3))[0][0] == pytest.approx(0.7, abs=1e-3)


def test_continued_curves_level_off():
    basis = CurveBasis(1.0, 100.0)
    beyond = basis([1e6, 1e8])
    np.testing.assert_allclose(beyond[0], beyond[1], rtol=0.05)


@pytest.mark.parametrize(
    "curve",
    [
        lambda u: 0.3 + 0.7 * np.exp(-4 * u),
        lambda u: 0.3 + 0.2 * (20 * u) ** -0.7,
        lambda u: 1.0 - 0.8 * u**0.5 / (0.2 + u**0.5),
        lambda u: 0.1 + 0.9 / (1 + (u / 0.1) ** 1.5),
    ],
    ids=["exp3", "pow3", "vapour-like", "mmf-like"],
)
def test_the_basis_spans_the_parametric_families(curve):
    basis, losses = CurveBasis(1.0, 50.0)(EPOCHS), curve(EPOCHS / 50)
    weights = np.linalg.lstsq(basis, losses, rcond=None)[0]
    assert rmse(basis @ weights - losses) < 0.03 * losses.std()


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda m: m.fit([], []), "must hold as many curves"),
        (lambda m: m.fit([[1.0, 2.0]], [[1.0]]), r"losses\[0\]=\(2, 1\) must hold one loss for each time"),
        (lambda m: m.fit([[1.0, 2.0]], [[1.0, np.nan]]), "must be finite"),
        (lambda m: m.fit([[2.0, 1.0]], [[1.0, 1.0]]), "times=.* rise"),
        (lambda m: m.fit([[0.0, 1.0]], [[1.0, 1.0]]), "greater than 0"),
        (lambda m: m.fit([[1.0]], [[1.0]], [[1.0], [2.0]]), "configs=.* must be of shape"),
        (lambda m: m.predict_unseen([1.0], None), "must be fitted"),
    ],
)
def test_bad_input_is_refused_by_name(act, message):
    with pytest.raises(InvalidArgumentError, match=message):
        act(LCNet(np.random.default_rng(0)))
