"""What a run looks like in a terminal: a bar while it runs, and answers about where it stands."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hpbandster_ng.terminal.progress import ProgressBar

__all__ = ["progressbar"]


def progressbar(clock: Callable[[], float] = time.time) -> ProgressBar:
    """A progress bar by a clock of unix seconds; what draws it takes a while to import, and is, when there is a run."""
    from hpbandster_ng.terminal.progress import ProgressBar  # noqa: PLC0415

    return ProgressBar(clock=clock)
