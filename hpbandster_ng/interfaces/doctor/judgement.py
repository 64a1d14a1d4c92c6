"""All that is to be said of findings, in their order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hpbandster_ng.interfaces.doctor.findings import Findings, NoAnswer, NotChecked
from hpbandster_ng.interfaces.doctor.grades import Grade, Opinion, Opinions, Verdict
from hpbandster_ng.interfaces.doctor.machine_verdicts import of_clock, of_directory, of_interface, of_names
from hpbandster_ng.interfaces.doctor.run_verdicts import of_credentials, of_master, of_nameserver, of_run, of_versions

__all__ = ["judge"]

_HUNG = {
    "names": "DNS does not answer: see /etc/resolv.conf, or enter the machines in /etc/hosts",
    "directory": "its file system hangs: is its server alive? other processes will hang there, too",
}
"""What to do where a probe took too long."""


def judge(findings: Findings) -> list[Verdict]:
    """One line, or more where more is wrong, for each subject."""
    rules: list[tuple[str, Any, Callable[[Any, Findings], Opinions]]] = [
        ("interface", findings.interface, of_interface),
        ("names", findings.names, of_names),
        ("directory", findings.directory, of_directory),
        ("clock", findings.directory, of_clock),
        ("run", findings.runs, of_run),
        ("credentials", findings.credentials, of_credentials),
        ("nameserver", findings.nameserver, of_nameserver),
        ("master", findings.master, of_master),
        ("versions", findings.master, of_versions),
    ]
    return [
        Verdict(subject, *opinion)
        for subject, found, rule in rules
        for opinion in (_of_nothing(subject, found) or rule(found, findings))
    ]


def _of_nothing(subject: str, found: object) -> list[Opinion]:
    """What to say where a probe was not made, or found nothing."""
    match found:
        case NotChecked():
            return [Opinion(Grade.UNKNOWN, f"not checked: {found.reason}")]
        case NoAnswer() if subject in ("clock", "versions"):
            return [Opinion(Grade.UNKNOWN, f"not checked: {found.reason}")]
        case NoAnswer():
            way_out = (
                _HUNG.get(subject, "try again") if found.has_hung else "this is a fault of this command: report it"
            )
            return [Opinion(Grade.WRONG, found.reason, way_out)]
    return []
