"""What a run looks like in a terminal: a bar while it runs, and answers about where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hpbandster_ng.analysis.standing import Planned
    from hpbandster_ng.terminal.progress import ProgressBar

__all__ = ["progressbar"]


def progressbar(planned: Planned) -> ProgressBar:
    """A progress bar that knows what is planned; what draws it takes a while to import, and is, when there is a run."""
    from hpbandster_ng.terminal.progress import ProgressBar  # noqa: PLC0415

    progress = ProgressBar()
    progress.expect(planned)
    return progress
