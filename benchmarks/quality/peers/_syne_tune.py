"""Search spaces in Syne Tune's words, flat: it knows no conditions."""

from __future__ import annotations

from typing import Any

import ConfigSpace as CS
from syne_tune import config_space as domain

from benchmarks.quality.peers._space import Kinds, translate

__all__ = ["config_space"]

_KINDS = Kinds(
    lambda hp: (domain.loguniform if hp.log else domain.uniform)(hp.lower, hp.upper),
    lambda hp: (domain.lograndint if hp.log else domain.randint)(hp.lower, hp.upper),
    lambda _, choices: domain.choice(choices),
)


def config_space(space: CS.ConfigurationSpace) -> dict[str, Any]:
    return translate(space, _KINDS)
