"""What a job script calls: ``python3 -m hpbandster_ng.interfaces.cluster SCHEDULER my_script.py [arguments]``."""

from __future__ import annotations

import contextlib
import os
import sys

import click

from hpbandster_ng.core.nameserver import nic_name_to_host
from hpbandster_ng.errors import HpbandsterError
from hpbandster_ng.interfaces.cluster.meeting import Note, write_note
from hpbandster_ng.interfaces.cluster.part import NIC_NAME, part_of
from hpbandster_ng.interfaces.cluster.schedulers import SCHEDULERS
from hpbandster_ng.interfaces.cluster.supervisor import Supervisor, say_in

_USAGE = {
    "slurm": "sbatch --array=1-9 slurm.sh script.py [arguments]",
    "sge": "qsub -t 1-9 sge.sh script.py [arguments]",
}


def main(name: str, *script: str) -> int:
    """Do the part of this task, and return its exit code."""
    scheduler = SCHEDULERS[name]
    try:
        part = part_of(scheduler.task(os.environ), os.environ, script)
    except click.UsageError as error:
        click.echo(f"usage: {_USAGE[name]}: {error.message}", err=True)
        return 2
    except HpbandsterError as error:
        click.echo(f"hpbandster_ng: {error}", err=True)
        return 2
    say = say_in(part)
    try:
        part.directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        say(f"{part.directory} cannot be made: {error.strerror}; submit from a directory where all nodes may write")
        return 1
    try:
        nic_name_to_host(part.nic_name)
    except HpbandsterError as error:
        say(f"{error}; say which: export {NIC_NAME}=...")
        if not part.is_worker:
            with contextlib.suppress(OSError):  # then workers look for this task in the queue
                write_note(part.directory, Note(part.task, 1))
        return 1
    return Supervisor(part, scheduler, say).run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
