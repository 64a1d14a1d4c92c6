"""The command line ``hpbandster-ng``: which commands it has, and what becomes of their errors.

A command, or a group of them, is one file of this folder; here it is added.
"""

from __future__ import annotations

import logging
import shutil
import signal
import sys
from pathlib import Path
from typing import IO, Any

import click

from hpbandster_ng import __version__
from hpbandster_ng.errors import HpbandsterError
from hpbandster_ng.interfaces.cli.advise import advise_on_budgets
from hpbandster_ng.interfaces.cli.change import delete, extend, release
from hpbandster_ng.interfaces.cli.create import create, plan
from hpbandster_ng.interfaces.cli.dashboard import dashboard
from hpbandster_ng.interfaces.cli.doctor import doctor
from hpbandster_ng.interfaces.cli.export import export
from hpbandster_ng.interfaces.cli.look import list_experiments, suggestions
from hpbandster_ng.interfaces.cli.start_worker import start_worker
from hpbandster_ng.interfaces.cli.status import status
from hpbandster_ng.interfaces.cli.submit import submit
from hpbandster_ng.interfaces.cli.worker import worker

__all__ = ["main"]

_log = logging.getLogger("hpbandster_ng")


class _CommandLine(click.Group):
    """The one place where errors of commands become one line and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SystemExit:  # an error may be one, and then its code stands and all is said
            raise
        except KeyboardInterrupt:
            ctx.exit(128 + signal.SIGINT)
        except HpbandsterError as error:
            _log.info("where the error was raised:", exc_info=True)
            raise _Failure(" ".join(str(error).split())) from error


class _Failure(click.ClickException):
    """An error in one line, which a terminal gets folded between words."""

    def show(self, file: IO[Any] | None = None) -> None:
        text = f"Error: {self.message}"
        if sys.stderr.isatty():
            text = click.wrap_text(text, shutil.get_terminal_size().columns)
        click.echo(text, file, err=True)


@click.group(cls=_CommandLine)
@click.version_option(__version__, prog_name="hpbandster-ng")
@click.option("-v", "--verbose", is_flag=True, help="Log what happens, and show the traceback of an error.")
def main(verbose: bool) -> None:
    """Hyperparameter optimisation with successive halving, Hyperband and BOHB.

    \b
    Exit codes:
      0    done; a worker: its run or experiment is finished, it had no job
           for --timeout or no suggestion for --max-idle seconds, or it was
           ended by SIGTERM, SIGUSR1 or SIGUSR2
      1    an error, told in one line on the standard error stream, or a
           question that was not answered by yes; a doctor that found
           something wrong
      2    wrong usage, or a worker that its run does not let in
      130  ended by Ctrl-C
    """  # noqa: D301 - click keeps the lines of a paragraph that begins with this
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s")
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # an optimizer of the user's may lie here, as it may for python -m


for _command in (
    *(create, plan, list_experiments, status, suggestions, export, advise_on_budgets),
    *(extend, release, delete, start_worker, worker, submit, doctor, dashboard),
):
    main.add_command(_command)
