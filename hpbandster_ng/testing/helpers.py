"""What the contracts of storages and of shared logs have in common."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from hpbandster_ng.engine.events import OpenIteration

__all__ = ["numbered", "raises"]


def numbered(*numbers: int) -> list[OpenIteration]:
    """An event for each number, which tells it."""
    return [OpenIteration(float(number), number) for number in numbers]


@contextlib.contextmanager
def raises(kind: type[Exception], text: str) -> Iterator[None]:
    """The block must raise that error, with ``text`` in its message; pytest is no dependency of this package."""
    message = None
    try:
        yield
    except kind as error:
        message = str(error)
    assert message is not None, f"there should be a {kind.__name__}"
    assert text in message
