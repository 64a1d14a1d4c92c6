"""Configurations at random: the sampler of random search and of Hyperband."""

from __future__ import annotations

from typing import Any

from hpbandster_ng.optimizers.config_generators.known import SpaceGenerator

__all__ = ["RandomSampling"]


class RandomSampling(SpaceGenerator):
    """Draws each configuration from the priors of the search space, whatever the results.

    In a finite space no configuration is drawn twice until all were: see
    :class:`~hpbandster_ng.optimizers.config_generators.known.KnownConfigurations`.

    Args:
        configspace: the search space; it is copied.
        kwargs: go to :class:`~hpbandster_ng.engine.config_generator.ConfigGenerator`.

    Raises:
        SearchSpaceError: see :class:`~hpbandster_ng.optimizers.config_generators.search_space.SearchSpace`.

    Example:
        >>> import ConfigSpace
        >>> sampler = RandomSampling(ConfigSpace.ConfigurationSpace({"optimizer": ["adam"], "layers": [3]}))
        >>> sampler.get_config(budget=9)
        ({'layers': 3, 'optimizer': 'adam'}, {'model_based_pick': False})
    """

    has_model = False

    def get_config(self, budget: float) -> tuple[dict[str, Any], dict[str, Any]]:
        """Draw a configuration.

        Returns:
            The configuration, and ``{"model_based_pick": False}``.
        """
        return self.known.sample(self.rng), {"model_based_pick": False}
