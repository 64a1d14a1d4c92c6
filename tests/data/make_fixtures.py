"""Makes the files beside it: a log and a pickled result as the predecessor writes them, of an invented run.

Run it with numpy below 2, whose pickles name ``numpy.core``, as those of the predecessor's users do::

    python tests/data/make_fixtures.py
"""

from __future__ import annotations

import json
import pickle
import sys
import types
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
TIME_REF = 1_600_000_000.0
BUDGETS = (1.0, 3.0, 9.0)
TRACEBACK = 'Traceback (most recent call last):\n  File "worker.py", line 1, in compute\nRuntimeError: diverged\n'

# config_id, x, loss by budget; None is a crash
STORY = (
    ((0, 0, 0), 0.9, (0.9,)),
    ((0, 0, 1), 0.3, (0.3, 0.25, 0.2)),
    ((0, 0, 2), 0.5, (0.5, 0.55)),
    ((0, 0, 3), 0.99, (None,)),
    ((1, 0, 0), 0.1, (0.15, 0.1)),
    ((1, 0, 1), 0.4, (0.4,)),
    ((2, 0, 0), 0.6, (None,)),
)


def entries() -> list[tuple[tuple[int, int, int], float, dict[str, float], dict | None, str | None]]:
    """One evaluation after the other, each two seconds long, a second apart."""
    made = []
    for config_id, _, losses in STORY:
        budgets = BUDGETS[-1:] if config_id[0] == 2 else BUDGETS[config_id[0] :]
        for budget, loss in zip(budgets, losses, strict=False):
            at = TIME_REF + 3.0 * len(made)
            stamps = {"submitted": at, "started": at + 0.5, "finished": at + 2.5}
            result = None if loss is None else {"loss": loss, "info": {"accuracy": 1 - loss}}
            made.append((config_id, budget, stamps, result, TRACEBACK if loss is None else None))
    return made


def write_log(directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    configs = [[config_id, {"x": x, "kind": "a"}, {"model_based_pick": config_id[0] > 0}] for config_id, x, _ in STORY]
    for name, lines in (("configs.json", configs), ("results.json", entries())):
        (directory / name).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def stub_classes() -> tuple[type, type]:
    """Classes that pickle under the predecessor's paths."""
    for name in ("hpbandster", "hpbandster.core", "hpbandster.core.result", "hpbandster.core.base_iteration"):
        sys.modules[name] = types.ModuleType(name)
    result = type("Result", (), {"__module__": "hpbandster.core.result"})
    datum = type("Datum", (), {"__module__": "hpbandster.core.base_iteration"})
    sys.modules["hpbandster.core.result"].Result = result
    sys.modules["hpbandster.core.base_iteration"].Datum = datum
    return result, datum


def write_pickle(path: Path) -> None:
    result_type, datum_type = stub_classes()
    data = {}
    for config_id, x, _ in STORY:
        data[config_id] = datum_type()
        vars(data[config_id]).update(
            config={"x": x, "kind": "a"},
            config_info={"model_based_pick": config_id[0] > 0},
            results={},
            time_stamps={},
            exceptions={},
            status="COMPLETED",
            budget=0,
        )
    for config_id, budget, stamps, result, exception in entries():
        datum, key = data[config_id], np.float64(budget)
        datum.results[key] = result
        datum.time_stamps[key] = {name: at - TIME_REF for name, at in stamps.items()}
        datum.exceptions[key] = exception
        datum.budget = key
    result = result_type()
    settings = {"time_ref": TIME_REF, "eta": 3, "min_budget": 1, "max_budget": 9, "max_SH_iter": 3}
    vars(result).update(data=data, HB_config={**settings, "budgets": np.array(BUDGETS)})
    path.write_bytes(pickle.dumps(result, protocol=4))


if __name__ == "__main__":
    write_log(HERE / "predecessor_log")
    write_pickle(HERE / "predecessor_result.pkl")
