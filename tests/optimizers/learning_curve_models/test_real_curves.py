"""Curves of a classifier that really learnt, in place of a formula.

``digits_curves.csv`` holds 80 configurations of scikit-learn's ``MLPClassifier`` (log10 of the learning rate, log10 of
the penalty, hidden units) and their error rates on 797 images after each of 15 epochs of ``partial_fit`` on the first
500 images of ``load_digits``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hpbandster_ng.optimizers.learning_curve_models.lcnet import LCNet

EPOCHS = np.arange(1.0, 16.0)
TABLE = np.loadtxt(Path(__file__).with_name("digits_curves.csv"), delimiter=",")
CONFIGS, LOSSES = TABLE[:, :3], TABLE[:, 3:]


def rmse(errors: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(errors))))


@pytest.mark.parametrize("split", [0, 1, 2])
def test_real_curves_are_extended_and_foretold(split):
    order = np.random.default_rng(split).permutation(len(TABLE))
    seen, new = order[:50], order[50:]
    model = LCNet(np.random.default_rng(1))
    model.fit([EPOCHS] * len(seen), list(LOSSES[seen]), CONFIGS[seen])
    truth = LOSSES[new, -1]

    unseen, unseen_variance = (values[:, 0] for values in model.predict_unseen(EPOCHS[-1:], CONFIGS[new]))
    assert rmse(unseen - truth) < 0.55 * truth.std()
    assert 0.75 <= np.mean(np.abs(unseen - truth) < 1.645 * np.sqrt(unseen_variance)) <= 1.0

    extended = [model.extend_partial(EPOCHS[-1:], EPOCHS[:4], LOSSES[i, :4], CONFIGS[i]) for i in new]
    mean, variance = np.array(extended)[:, :, 0].T
    assert rmse(mean - truth) < 0.7 * rmse(LOSSES[new, 3] - truth)
    assert 0.75 <= np.mean(np.abs(mean - truth) < 1.645 * np.sqrt(variance)) <= 1.0
