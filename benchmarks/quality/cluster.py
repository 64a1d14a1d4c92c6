"""Workers in virtual time for the optimizers of other packages, by the same rules of cost as ours."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Hashable, Mapping
from typing import Any, Protocol

import numpy as np

from benchmarks.quality.accounting import STRAGGLING, full_losses
from benchmarks.quality.problems import Problem
from benchmarks.quality.trace import Trace

__all__ = ["Peer", "run"]

Ask = tuple[Hashable, Mapping[str, Any], float]
"""A name for the configuration, the configuration, and the budget that it shall run on."""


class Peer(Protocol):
    """An optimizer of another package, behind two methods."""

    def ask(self) -> Ask | None:
        """What to evaluate next; None if it must wait until something ends.

        Who asks for a name again lets that configuration go on from the budget that it has reached.
        """

    def tell(self, key: Hashable, config: Mapping[str, Any], budget: float, loss: float, seconds: float) -> None:
        """What came of it; the loss is infinite where the evaluation failed."""


class _Cluster:
    """Who is busy until when, and what has come of it."""

    def __init__(self, peer: Peer, problem: Problem, workers: int, seed: int, total: float) -> None:
        self.peer, self.problem, self.seed = peer, problem, seed
        self.wall_clock = total / workers
        self.sigma = STRAGGLING if workers > 1 else 0.0
        self.idle_workers = workers
        self.busy = self.thinking = 0.0
        self.running: list[tuple[float, int, Ask, float, float]] = []
        self.num_started = 0
        self.reached: dict[Hashable, float] = {}
        self.ended: list[tuple[float, Hashable, float, float]] = []
        self.configs: dict[Hashable, Mapping[str, Any]] = {}

    def run(self) -> None:
        self._fill(0.0)
        while self.running and self.running[0][0] <= self.wall_clock * (1 + 1e-9):
            at, _, (key, config, budget), loss, seconds = heapq.heappop(self.running)
            self.idle_workers += 1
            if math.isfinite(loss):
                self.reached[key] = max(budget, self.reached.get(key, 0.0))
            self.ended.append((at, key, budget, loss))
            self._timed(self.peer.tell, key, config, budget, loss, seconds)
            self._fill(at)

    def _fill(self, now: float) -> None:
        while self.idle_workers and (asked := self._timed(self.peer.ask)) is not None:
            self._start(now, asked)

    def _start(self, now: float, asked: Ask) -> None:
        key, config, budget = asked
        self.configs.setdefault(key, config)
        loss, seconds = self.problem(config, budget)
        duration = self._straggling() * max(0.0, budget - self.reached.get(key, 0.0)) / self.problem.max_budget
        heapq.heappush(self.running, (now + duration, self.num_started, asked, float(loss), seconds))
        self.busy += min(now + duration, self.wall_clock) - now
        self.num_started += 1
        self.idle_workers -= 1

    def _straggling(self) -> float:
        """The factor of the job's number: whatever happens to others, it keeps its luck."""
        normal = np.random.default_rng((self.seed, self.num_started)).normal()
        return math.exp(self.sigma * normal - self.sigma**2 / 2)

    def _timed(self, method: Any, *arguments: Any) -> Any:
        began = time.process_time()
        try:
            return method(*arguments)
        finally:
            self.thinking += time.process_time() - began


def run(peer: Peer, problem: Problem, workers: int, seed: int, total: float, version: str) -> Trace:
    """Let an optimizer spend ``total`` full evaluations.

    Raises:
        RuntimeError: it wants to wait although nothing runs.
    """
    cluster = _Cluster(peer, problem, workers, seed, total)
    cluster.run()
    if not cluster.running:
        raise RuntimeError(f"the optimizer waits for nothing after {len(cluster.ended)} results; let ask() propose")
    number = {key: i for i, key in enumerate(cluster.configs)}
    config = np.array([number[key] for _, key, _, _ in cluster.ended], int)
    return Trace(
        finished_at=np.array([at for at, _, _, _ in cluster.ended]),
        config=config,
        budget=np.array([budget for _, _, budget, _ in cluster.ended], float),
        loss=np.array([loss if math.isfinite(loss) else np.inf for *_, loss in cluster.ended], float),
        full_loss=full_losses(problem, list(cluster.configs.values()))[config],
        wall_clock=cluster.wall_clock,
        idle=max(0.0, 1 - cluster.busy / total),
        thinking=cluster.thinking,
        version=version,
    )
