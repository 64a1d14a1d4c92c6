"""The predecessor's import path of the base of all samplers."""

from __future__ import annotations

import logging

from hpbandster_ng.engine.config_generator import ConfigGenerator

__all__ = ["base_config_generator"]


class base_config_generator(ConfigGenerator):
    """:class:`~hpbandster_ng.engine.config_generator.ConfigGenerator` with a logger, for subclasses of users.

    Args:
        logger: where the subclass logs; the logger ``hpbandster_ng`` by default.

    Example:
        >>> class Uniform(base_config_generator):
        ...     def get_config(self, budget):
        ...         return {"x": float(self.rng.uniform())}, {"model_based_pick": False}
        >>> generator = Uniform()
        >>> generator.seed(1)
        >>> round(generator.get_config(budget=9)[0]["x"], 3)
        0.512
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        super().__init__(logger or logging.getLogger("hpbandster_ng"))
