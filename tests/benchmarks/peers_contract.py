"""What every optimizer of another package must do behind ``ask`` and ``tell``; run in the Python that has it.

``python -m tests.benchmarks.peers_contract PEER`` fails with what is wrong, and prints nothing otherwise.
"""

import importlib
import math
import sys
from collections import deque

import ConfigSpace

MIN_BUDGET, MAX_BUDGET, TOTAL, WORKERS = 1 / 9, 1.0, 8, 3


def space() -> ConfigSpace.ConfigurationSpace:
    """Each kind of hyperparameter, and one that is active only now and then."""
    made = ConfigSpace.ConfigurationSpace(
        {"x": (0.0, 1.0), "n": (2, 17), "method": ["plain", "deep.net", "wide"], "on": [True, False], "fixed": 3},
        seed=1,
    )
    made.add(ConfigSpace.Float("rate", (1e-5, 1e-1), log=True), ConfigSpace.Integer("units", (4, 512), log=True))
    made.add(ConfigSpace.InCondition(made["units"], made["method"], ["deep.net", "wide"]))
    return made


def loss(config: dict, budget: float) -> float:
    if config["n"] == 3:
        return math.inf
    return (config["x"] - 0.3) ** 2 + abs(math.log10(config["rate"]) + 3) + 0.1 * config["on"] + 0.1 / budget


def story(name: str) -> list:
    """What the peer asks for, with three evaluations under way at a time."""
    make = importlib.import_module(f"benchmarks.quality.peers.{name}").make
    peer = make(space(), MIN_BUDGET, MAX_BUDGET, TOTAL, WORKERS, 7)
    asked, running, reached, spent = [], deque(), {}, 0.0
    while spent < TOTAL:
        while len(running) < WORKERS and (job := peer.ask()) is not None:
            asked.append(job)
            running.append(job)
        key, config, budget = running.popleft()
        result = loss(config, budget)
        spent += max(budget - reached.get(key, 0.0), MIN_BUDGET / 100)
        if math.isfinite(result):
            reached[key] = max(budget, reached.get(key, 0.0))
        peer.tell(key, config, budget, result, budget)
    return asked


def main(name: str) -> None:
    asked = story(name)
    known = {}
    for key, config, budget in asked:
        assert ConfigSpace.Configuration(space(), values=config), "each configuration is legal"
        plain = {int, float, str, bool}
        assert {type(value) for value in config.values()} <= plain, f"values are plain Python: {config}"
        assert MIN_BUDGET - 1e-9 <= budget <= MAX_BUDGET, f"budgets stay within theirs: {budget}"
        assert known.setdefault(key, config) == config, "a name is of one configuration"
    assert any(budget == MAX_BUDGET for _, _, budget in asked), "the full budget is used"
    assert asked == story(name), "the seed reproduces the run"


if __name__ == "__main__":
    main(sys.argv[1])
