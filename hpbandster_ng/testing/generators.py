"""What every config generator must hold, as tests: subclass :class:`ConfigGeneratorContract` in a test module.

Example::

    class TestMyGenerator(ConfigGeneratorContract):
        def make(self, configspace):
            return MyGenerator(configspace)

and pytest runs them all. They need no run, no worker and no network.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import ConfigSpace
import numpy as np
from ConfigSpace import hyperparameters

from hpbandster_ng.engine.config_generator import ConfigGenerator
from hpbandster_ng.engine.plain import plain

__all__ = ["ConfigGeneratorContract"]

_BUDGETS = (1.0, 3.0, 9.0)


class ConfigGeneratorContract:
    """Tests of a generator by itself, on a space with every kind of hyperparameter."""

    num_results = 60
    """How many results are told; enough for the model to come into play."""

    def make(self, configspace: Any) -> ConfigGenerator:
        """The generator under test; it must accept any space."""
        raise NotImplementedError(f"{type(self).__name__} must implement make(configspace)")

    def test_every_pick_is_legal_and_plain(self) -> None:
        space = _space()
        for config, info in self._picks(self.make(space)):
            ConfigSpace.Configuration(space, values=config)
            assert plain(config) == config
            assert plain(info) == info

    def test_the_same_seeds_and_results_make_the_same_picks(self) -> None:
        assert self._picks(self.make(_space())) == self._picks(self.make(_space()))

    def test_numpys_global_random_state_and_the_callers_space_stay_as_they_are(self) -> None:
        space = _space()
        before, state = str(space), np.random.get_state()[1].tolist()  # type: ignore[index]
        drawn = space.random.get_state()[1].tolist() if hasattr(space, "random") else None
        self._picks(self.make(space))
        assert str(space) == before
        assert np.random.get_state()[1].tolist() == state  # type: ignore[index]
        assert (space.random.get_state()[1].tolist() if hasattr(space, "random") else None) == drawn

    def test_failures_of_every_kind_are_survived(self) -> None:
        generator = self.make(_space())
        for i in range(self.num_results):
            generator.seed(0, i)
            config, _ = generator.get_config(1.0)
            loss = (None, math.nan, math.inf)[i % 3]
            result = None if loss is None else {"loss": loss, "info": None}
            generator.new_result(_job(config, 1.0, result))
        assert generator.get_config(9.0)[0]

    def _picks(self, generator: ConfigGenerator) -> list[Any]:
        picks = []
        for i in range(self.num_results):
            generator.seed(7, i)
            picks.append(generator.get_config(_BUDGETS[i % len(_BUDGETS)]))
            config, budget = picks[-1][0], _BUDGETS[i % len(_BUDGETS)]
            curve = [config["x"] + 1 / (step + 1) for step in range(int(budget))]
            result = {"loss": curve[-1], "info": {"learning_curve": curve}}
            generator.new_result(_job(config, budget, None if i % 10 == 9 else result))
        return picks


def _job(config: dict[str, Any], budget: float, result: dict[str, Any] | None) -> SimpleNamespace:
    exception = None if result else "Traceback ..."
    return SimpleNamespace(
        id=(0, 0, 0), kwargs={"config": config, "budget": budget}, result=result, exception=exception, timestamps={}
    )


def _space() -> Any:
    """Every kind of hyperparameter, a condition and a forbidden clause, for ConfigSpace 0.7 and 1.x."""
    space = ConfigSpace.ConfigurationSpace(seed=1)
    x = hyperparameters.UniformFloatHyperparameter("x", 0.0, 1.0)
    kind = hyperparameters.CategoricalHyperparameter("kind", ["a", "b", "c"])
    depth = hyperparameters.UniformIntegerHyperparameter("depth", 1, 8)
    for parameter in (
        x,
        kind,
        depth,
        hyperparameters.UniformFloatHyperparameter("rate", 1e-5, 1e-1, log=True),
        hyperparameters.UniformIntegerHyperparameter("units", 2, 512, log=True),
        hyperparameters.OrdinalHyperparameter("size", ["s", "m", "l"]),
        hyperparameters.Constant("version", 3),
    ):
        add = getattr(space, "add", None) or space.add_hyperparameter
        add(parameter)
    add = getattr(space, "add", None) or space.add_condition
    add(ConfigSpace.EqualsCondition(depth, kind, "b"))
    add = getattr(space, "add", None) or space.add_forbidden_clause
    add(
        ConfigSpace.ForbiddenAndConjunction(
            ConfigSpace.ForbiddenEqualsClause(kind, "c"), ConfigSpace.ForbiddenEqualsClause(space["size"], "s")
        )
    )
    return space
