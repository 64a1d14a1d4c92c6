"""Results that are made up, for pictures."""

from __future__ import annotations

import numpy as np

from hpbandster_ng.core.base_iteration import Datum
from hpbandster_ng.core.result import Result


def result(story, from_model=()):
    """``{config_id: [(budget, loss, started, finished)]}``; a loss of None is a crash, no start means never started."""
    data = {}
    for config_id, runs in story.items():
        datum = data[config_id] = Datum({"x": 0.5}, {"model_based_pick": config_id in from_model})
        for budget, loss, started, finished in runs:
            datum.results[budget] = None if loss is None else {"loss": loss, "info": {"test": 10 * loss}}
            datum.exceptions[budget] = "Traceback ..." if loss is None else None
            if started is not None:
                datum.workers[budget] = "w"
            stamps = {"submitted": started, "started": started, "finished": finished}
            datum.time_stamps[budget] = {name: at for name, at in stamps.items() if at is not None}
            if started is None:
                datum.time_stamps[budget]["submitted"] = 0.0
    return Result(data, {"max_budget": 9.0})


def small_story():
    return result(
        {
            (0, 0, 0): [(1.0, 0.5, 0, 2)],
            (0, 0, 1): [(1.0, 0.4, 0, 4), (9.0, 0.3, 4, 10)],
            (0, 0, 2): [(1.0, 0.6, 2, 5), (9.0, 0.35, 5, 9)],
            (0, 0, 3): [(1.0, None, 5, 6)],
            (1, 0, 0): [(9.0, 0.2, 10, 12)],
        },
        from_model={(1, 0, 0)},
    )


def many(loss=lambda x, seed: x, count=60):
    """Configurations of ``x`` and ``seed``."""
    rng = np.random.default_rng(0)
    data = {}
    for i in range(count):
        x, seed = rng.random(2).tolist()
        results = {9.0: {"loss": loss(x, seed), "info": {}}}
        data[0, 0, i] = Datum({"x": x, "seed": seed}, {}, results, {9.0: {"finished": i}})
    return Result(data, {"max_budget": 9.0})
