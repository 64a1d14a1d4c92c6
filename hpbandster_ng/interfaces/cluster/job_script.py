"""The job scripts, of which there is one for each scheduler, and what a submission adds to one."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from hpbandster_ng.interfaces.cluster.scheduler import Scheduler

__all__ = ["job_script"]


def job_script(
    scheduler: Scheduler, directives: Sequence[str], settings: Mapping[str, str], script: Sequence[str]
) -> str:
    r"""The text of ``cluster_scripts``, with options, settings and arguments of one job.

    Args:
        directives: options for the scheduler, which are behind those that are there, so that they win.
        settings: variables of the environment.
        script: the user's, with its arguments.

    Example:
        >>> from hpbandster_ng.interfaces.cluster.slurm import Slurm
        >>> text = job_script(Slurm(), ["--array=1-3"], {"HPB_NIC_NAME": "ib0"}, ["my script.py"])
        >>> print("\n".join(text.splitlines()[-6:]))
        #SBATCH --array=1-3
        <BLANKLINE>
        export HPB_NIC_NAME=ib0
        set -- 'my script.py'
        <BLANKLINE>
        exec "${HPB_PYTHON:-python3}" -m hpbandster_ng.interfaces.cluster slurm "$@"
    """
    text = (Path(__file__).parent / f"{scheduler.name}.sh").read_text(encoding="utf-8")
    head, call = text.rstrip("\n").split("\n\n")
    options = [f"{scheduler.mark} {directive}" for directive in directives]
    exports = [f"export {name}={_quoted(value)}" for name, value in settings.items()]
    return "\n".join([head, *options, "", *exports, f"set -- {' '.join(map(_quoted, script))}", "", call, ""])


def _quoted(text: str) -> str:
    """In one line, for a scheduler may take any line for one of its own."""
    return shlex.quote(text).replace("\n", "'$'\\n''")
