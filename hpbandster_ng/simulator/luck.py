"""Random numbers that do not depend on the order of events."""

from __future__ import annotations

import hashlib
import math
import struct
from statistics import NormalDist

from hpbandster_ng.engine.records import ConfigId

__all__ = ["Luck"]


class Luck:
    """Random numbers that belong to what they are drawn for.

    A generator hands out its numbers in the order in which they are asked for, so that one more crash would change
    the duration of every later job. Here a number is a hash of the seed and of what it is for: two optimizers meet the
    same luck with the same job, whatever else they do.

    Args:
        seed: a whole number of at least 0.

    Example:
        >>> luck = Luck(seed=1)
        >>> luck.straggling((0, 0, 3), 9.0, attempt=1, sigma=0.5) == luck.straggling((0, 0, 3), 9, attempt=1, sigma=0.5)
        True
        >>> luck.straggling((0, 0, 3), 9.0, attempt=1, sigma=0.0)
        1.0
    """

    def __init__(self, seed: int) -> None:
        text = str(seed).encode()
        self._of_jobs = hashlib.blake2b(text, digest_size=8, person=b"job")
        self._of_workers = hashlib.blake2b(text, digest_size=8, person=b"worker")
        self._normal = NormalDist()

    def straggling(self, config_id: ConfigId, budget: float, attempt: int, sigma: float) -> float:
        """The factor by which an attempt is slower: log-normal, of mean 1."""
        if not sigma:
            return 1.0
        uniform = _uniform(self._of_jobs, struct.pack("<qqqdq", *config_id, budget, attempt))
        return math.exp(sigma * self._normal.inv_cdf(uniform) - sigma * sigma / 2)

    def lifetime(self, worker: int, life: int, crashes: float) -> float:
        """Units of time from the worker's joining to its crash: exponential; infinite where nothing crashes."""
        if not crashes:
            return math.inf
        return -math.log(_uniform(self._of_workers, struct.pack("<qq", worker, life))) / crashes


def _uniform(seeded: hashlib.blake2b, subject: bytes) -> float:
    """Strictly between 0 and 1: 52 bits, and half a step more."""
    state = seeded.copy()
    state.update(subject)
    return ((int.from_bytes(state.digest(), "little") >> 12) + 0.5) / 2.0**52
