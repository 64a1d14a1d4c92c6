"""What every config generator must hold, as tests: subclass :class:`ConfigGeneratorContract` in a test module.

Example::

    class TestMyGenerator(ConfigGeneratorContract):
        def make(self, configspace):
            return MyGenerator(configspace)

and pytest runs them all. They need no run, no worker and no network. What a generator must remember so that it does not
repeat itself in a finite space, :class:`~hpbandster_ng.optimizers.config_generators.known.SpaceGenerator` does for it.
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
from hpbandster_ng.engine.records import Job

__all__ = ["ConfigGeneratorContract"]

_BUDGETS = (1.0, 3.0, 9.0)
_FINITE_SIZE = 17


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

    def test_simultaneous_picks_do_not_repeat_until_a_finite_space_is_exhausted(self) -> None:
        generator = self.make(_finite_space())
        picks = [_pending_pick(generator, i) for i in range(2 * _FINITE_SIZE)]
        assert len(set(picks[:_FINITE_SIZE])) == _FINITE_SIZE
        assert len(set(picks[_FINITE_SIZE:])) == _FINITE_SIZE

    def test_results_and_withdrawn_jobs_count_in_a_finite_space(self) -> None:
        generator = self.make(_finite_space())
        picks: list[Any] = []
        while len(picks) < _FINITE_SIZE - 1:
            picks += [_pending_pick(generator, len(picks) + i) for i in range(4)]
            for i in range(len(picks) - 4, len(picks) - 1):
                curve = [i + 1 / (step + 1) for step in range(9)]
                result = {"loss": curve[-1], "info": {"learning_curve": curve}}
                generator.new_result(_job(dict(picks[i]), 9.0, None if i % 5 == 4 else result))
        assert len(set(picks)) == len(picks)
        withdrawn = picks[-1]  # it was not told a result
        generator.withdraw(_pending_job(withdrawn, len(picks) - 1))
        left = [_pending_pick(generator, len(picks) + i) for i in range(_FINITE_SIZE - len(picks) + 1)]
        assert withdrawn in left
        assert len({*picks, *left}) == _FINITE_SIZE

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


def _pending_pick(generator: ConfigGenerator, number: int) -> tuple[tuple[str, Any], ...]:
    """A proposal that runs from now on, as something that sets can hold."""
    generator.seed(7, number)
    pick = tuple(generator.get_config(9.0)[0].items())
    generator.new_job(_pending_job(pick, number))
    return pick


def _pending_job(pick: tuple[tuple[str, Any], ...], number: int) -> Job:
    return Job((0, 0, number), 9.0, dict(pick), {})


def _finite_space() -> Any:
    """17 configurations: 3 with kind a, 12 with b and a depth, 2 with c."""
    space = ConfigSpace.ConfigurationSpace(seed=1)
    kind = hyperparameters.CategoricalHyperparameter("kind", ["a", "b", "c"])
    depth = hyperparameters.UniformIntegerHyperparameter("depth", 1, 4)
    size = hyperparameters.OrdinalHyperparameter("size", ["s", "m", "l"])
    for parameter in (kind, depth, size):
        add = getattr(space, "add", None) or space.add_hyperparameter
        add(parameter)
    _add_rules(space, depth, kind, size)
    return space


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
    _add_rules(space, depth, kind, space["size"])
    return space


def _add_rules(space: Any, depth: Any, kind: Any, size: Any) -> None:
    add = getattr(space, "add", None) or space.add_condition
    add(ConfigSpace.EqualsCondition(depth, kind, "b"))
    add = getattr(space, "add", None) or space.add_forbidden_clause
    add(
        ConfigSpace.ForbiddenAndConjunction(
            ConfigSpace.ForbiddenEqualsClause(kind, "c"), ConfigSpace.ForbiddenEqualsClause(size, "s")
        )
    )
