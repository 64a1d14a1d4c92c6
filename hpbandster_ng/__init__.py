"""Hyperparameter optimisation with successive halving, Hyperband and BOHB, on one machine or on many.

Nothing is imported here, so that ``import hpbandster_ng`` costs nothing; import what you need from where it lives:

>>> from hpbandster_ng.engine.schedule import rung_budgets
>>> rung_budgets(9, 243, 3)
(9.0, 27.0, 81.0, 243.0)
"""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
