"""Hyperparameter optimisation with successive halving, Hyperband and BOHB, on one machine or on many.

Nothing is imported here before it is asked for, so that ``import hpbandster_ng`` costs nothing. One function stands
here, :func:`~hpbandster_ng.interfaces.fmin.fmin`; import everything else from where it lives:

>>> from hpbandster_ng.engine.schedule import rung_budgets
>>> rung_budgets(9, 243, 3)
(9.0, 27.0, 81.0, 243.0)
"""

from __future__ import annotations

from typing import Any

__all__ = ["__version__", "fmin"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name != "fmin":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from hpbandster_ng.interfaces.fmin import fmin  # noqa: PLC0415 - only who asks for it pays for it

    return fmin
