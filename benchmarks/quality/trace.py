"""What one optimizer did on one problem: every result, and when it came."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["CACHE", "RunKey", "Trace", "load", "save"]

CACHE = Path(__file__).resolve().parents[2] / ".bench" / "quality"


@dataclass(frozen=True, order=True)
class RunKey:
    """One optimizer on one problem with one seed and so many workers."""

    problem: str
    optimizer: str
    workers: int
    seed: int

    def path(self, cache: Path) -> Path:
        return cache / self.problem / f"{self.optimizer}-w{self.workers}-s{self.seed}.npz"


@dataclass(frozen=True)
class Trace:
    """The results of a run in the order in which they came.

    Attributes:
        finished_at: when each came, in full evaluations since the start.
        config: a number for the configuration; results of the same one have the same.
        budget: what it ran on.
        loss: what came of it; infinite where it failed.
        full_loss: the loss of that configuration at the full budget, evaluated afterwards at no cost.
        wall_clock: how long the run lasted, in full evaluations.
        idle: the share of the workers' time in which they had nothing to do.
        thinking: seconds of processor time that the optimizer itself took.
        version: of the optimizer's entry; a cached trace of another version is not used.

    The first five have the shape (results,).
    """

    finished_at: np.ndarray
    config: np.ndarray
    budget: np.ndarray
    loss: np.ndarray
    full_loss: np.ndarray
    wall_clock: float
    idle: float
    thinking: float
    version: str = ""


def save(trace: Trace, path: Path) -> None:
    """Write a trace so that the file is either there as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if CACHE in path.parents:
        (CACHE.parent / ".gitignore").write_text("*\n")
    part = path.with_name(f"{path.stem}.{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez_compressed(file, **vars(trace))
    part.replace(path)


def load(path: Path, version: str, wall_clock: float) -> Trace | None:
    """The trace in a file; None if there is none, or one of another version or another length."""
    if not path.is_file():
        return None
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    numbers = {name: float(arrays.pop(name)) for name in ("wall_clock", "idle", "thinking")}
    trace = Trace(version=str(arrays.pop("version")), **numbers, **arrays)
    is_current = trace.version == version and np.isclose(trace.wall_clock, wall_clock)
    return trace if is_current else None
