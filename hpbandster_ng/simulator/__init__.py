"""Runs in virtual time: the production planner and pool, simulated workers."""

from __future__ import annotations

from hpbandster_ng.simulator.backend import Problem, SimulatedBackend
from hpbandster_ng.simulator.simulation import simulate
from hpbandster_ng.simulator.workload import Workload

__all__ = ["Problem", "SimulatedBackend", "Workload", "simulate"]
