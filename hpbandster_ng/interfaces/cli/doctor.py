"""``hpbandster-ng doctor``: whether a machine is fit for a run, and what to do if it is not."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from hpbandster_ng.backends.pyro.credentials import check_run_id
from hpbandster_ng.interfaces.cli.options import as_json_option
from hpbandster_ng.interfaces.cli.tables import say, show_json, show_table
from hpbandster_ng.interfaces.doctor.examination import examine
from hpbandster_ng.interfaces.doctor.grades import Grade, Verdict
from hpbandster_ng.interfaces.doctor.judgement import judge

__all__ = ["doctor"]


@click.command()
@click.option(
    "--shared-directory",
    type=Path,  # and no click.Path, which looks for it, without a time limit: a file system may hang
    required=True,
    metavar="DIR",
    help="Through which the processes of a run meet.",
)
@click.option("--nic-name", required=True, metavar="NAME", help="Network interface to communicate by, such as eth0.")
@click.option("--run-id", metavar="NAME", help="The run to look at; by default, the only one in the directory.")
@as_json_option
@click.pass_context
def doctor(context: click.Context, shared_directory: Path, nic_name: str, run_id: str | None, as_json: bool) -> None:
    """Say what is right and wrong on this machine, and with a run as it is seen from here.

    Looks at the network interface, the names of this machine, the shared directory and its clock; and, if a run is
    there, at its credentials, its nameserver, its master, and whether the versions are the same. It changes nothing.

    The exit code is 1 if something is wrong; warnings, and what could not be checked, do not count.
    """
    findings = examine(shared_directory.absolute(), nic_name, None if run_id is None else check_run_id(run_id))
    verdicts = judge(findings)
    wrong = list(dict.fromkeys(each.subject for each in verdicts if each.grade is Grade.WRONG))
    if as_json:
        lines = [each._asdict() for each in verdicts]
        show_json({"is_well": not wrong, "verdicts": lines, "findings": asdict(findings)})
    else:
        show_table(("", "", ""), map(_row, verdicts))
        say(_summary(wrong, is_all_known=all(each.grade is not Grade.UNKNOWN for each in verdicts)))
    context.exit(1 if wrong else 0)


def _row(verdict: Verdict) -> tuple[str, str, str]:
    grade = verdict.grade.value
    text = "; ".join(filter(None, (verdict.text, verdict.way_out))).replace("\n", "\\n")  # of a file's name
    return grade.upper() if verdict.grade is Grade.WRONG else grade, verdict.subject, text


def _summary(wrong: list[str], is_all_known: bool) -> str:
    if wrong:
        return f"Wrong: {', '.join(wrong)}."
    return "Nothing is wrong." if is_all_known else "Nothing is wrong, as far as it was checked."
