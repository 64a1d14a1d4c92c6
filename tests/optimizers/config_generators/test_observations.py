from __future__ import annotations

import math

import numpy as np

from hpbandster_ng.optimizers.config_generators.observations import Observations


def test_grows_and_keeps_the_stable_order_of_losses():
    rng = np.random.default_rng(0)
    losses = [*rng.integers(0, 9, size=100).astype(float), math.inf, -1.0, math.inf, 4.0]
    seen = Observations(dimensions=2)
    for n, loss in enumerate(losses):
        seen.append(np.array([n, -n]), loss)
        np.testing.assert_array_equal(seen.order, np.argsort(losses[: n + 1], kind="stable"))
    assert seen.losses.tolist() == losses
    np.testing.assert_array_equal(seen.codes, [[n, -n] for n in range(len(losses))])
