"""The hyperparameters of a run: as its log tells the search space, or else as its configurations show them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hpbandster_ng.analysis.parameters import Parameter, inferred
from hpbandster_ng.core.space_parameters import space_parameters
from hpbandster_ng.engine.records import Config
from hpbandster_ng.errors import LogError
from hpbandster_ng.interfaces.dashboard.payloads import shown
from hpbandster_ng.interfaces.dashboard.view import RunView
from hpbandster_ng.storage.spaces import space_from_json

__all__ = ["parameters_of"]


def parameters_of(view: RunView, configs: Sequence[Config]) -> tuple[Parameter, ...]:
    """Those that can differ, in the order of the search space.

    Args:
        configs: what ran, for what the log does not tell.
    """
    told = shown.settings_of(view).get("configspace")
    if isinstance(told, dict):
        try:
            return space_parameters(space_from_json(json.dumps(told, default=str)), configs)
        except LogError:  # it was written by another release of ConfigSpace
            pass
    return tuple(each for each in inferred(configs) if len(each.values) > 1 or each.lower < each.upper)
