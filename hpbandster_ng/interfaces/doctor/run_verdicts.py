"""What is right and wrong with a run, as far as this machine can see it."""

from __future__ import annotations

from collections.abc import Mapping

from hpbandster_ng.interfaces.doctor.findings import (
    Contact,
    Credentials,
    Findings,
    Interface,
    Master,
    MissingCredentials,
    Reach,
    Runs,
    Unusable,
)
from hpbandster_ng.interfaces.doctor.grades import Grade, Opinion, Opinions
from hpbandster_ng.interfaces.doctor.machine_verdicts import is_loopback

__all__ = ["of_credentials", "of_master", "of_nameserver", "of_run", "of_versions"]

_DAY = 86400.0
"""Seconds."""

_MANY = 8
"""So many runs are named."""


def of_run(found: Runs, findings: Findings) -> Opinions:
    if findings.run_id is not None:
        why = "as asked for" if findings.is_asked_for else "the only one with credentials in the directory"
        yield Opinion(Grade.OK, f"{findings.run_id}, {why}")
    elif not found.ids:
        way_out = f"start NameServer(run_id, working_directory={findings.path!r}), and ask again"
        yield Opinion(Grade.UNKNOWN, "no run has credentials in the directory yet", way_out)
    else:
        text = f"several have credentials in the directory: {_named(found)}"
        yield Opinion(Grade.UNKNOWN, text, "give --run-id; files of runs that have ended may be removed")


def _named(found: Runs) -> str:
    more = f" and {len(found.ids) - _MANY} more" if len(found.ids) > _MANY else ""
    return ", ".join(found.ids[:_MANY]) + more


def of_credentials(found: Credentials | MissingCredentials | Unusable, findings: Findings) -> Opinions:
    match found:
        case MissingCredentials():
            runs = findings.runs
            others = f", only of {_named(runs)}" if isinstance(runs, Runs) and runs.ids else ""
            yield Opinion(
                Grade.WRONG,
                f"there are none of {findings.run_id} in {findings.path}{others}",
                "start its NameServer with this as working_directory; if it was, this machine sees another directory",
            )
        case Unusable():
            text, _, way_out = found.reason.partition("; ")
            yield Opinion(Grade.WRONG, text, way_out)
        case Credentials():
            yield _of_validity(found.seconds_left)


def _of_validity(left: float | None) -> Opinion:
    if left is None:
        text = "the run is open: whoever reaches its ports takes part"
        return Opinion(Grade.WARNING, text, "leave insecure=True out, unless nobody else is in the network")
    if left <= 0:
        return Opinion(Grade.WRONG, "they have expired", "start the nameserver anew, or set this machine's clock")
    if left < _DAY:
        text = f"they expire in {left / 3600:.1f} hours"
        return Opinion(Grade.WARNING, text, "for a longer run, start the nameserver anew")
    return Opinion(Grade.OK, f"for this user only, good for {left // _DAY:.0f} days")


def of_nameserver(found: Contact, findings: Findings) -> Opinions:
    listen = f"start NameServer with nic_name={_nic(findings)!r}"
    gone = "if the run has ended, remove its credentials file"
    yield _of_contact(found, findings, listen, gone)


def of_master(found: Master, findings: Findings) -> Opinions:
    if found.contact is None:
        text = "none has registered with the nameserver yet"
        yield Opinion(Grade.UNKNOWN, text, "start the optimizer, and ask again")
        return
    listen = f"give the optimizer host=nic_name_to_host({_nic(findings)!r}), on its machine"
    yield _of_contact(found.contact, findings, listen, "if it was killed, start it again")


def _nic(findings: Findings) -> str:
    """The interface that was named, if it is one to be recommended."""
    found = findings.interface
    return found.name if isinstance(found, Interface) and found.host is not None else "..."


def _of_contact(found: Contact, findings: Findings, listen: str, gone: str) -> Opinion:
    """What it means how far one got.

    Args:
        listen: how to make it listen on an address that this machine reaches.
        gone: what to do if nobody is there.
    """
    where = f"{found.host}:{found.port}"
    interface = findings.interface
    is_own = is_loopback(found.peer) and not (isinstance(interface, Interface) and is_loopback(interface.host))
    if found.reach is Reach.ANSWERS:
        if is_own:
            return Opinion(Grade.WARNING, f"answers at {where}, where no other machine reaches it", listen)
        return Opinion(Grade.OK, f"answers at {where}")
    text, way_out = {
        Reach.UNKNOWN_NAME: (f"is at {where}, a name that this machine does not know", listen),
        Reach.REFUSED: (f"nobody listens at {where}", f"{gone}; else a firewall refuses: open the port"),
        Reach.SILENT: (
            f"no answer from {where}: a firewall, another network, or its machine is off",
            f"open the ports between the machines; or {listen}",
        ),
        Reach.NO_ROUTE: (
            f"no way to {where}: a firewall, another network, or a cable",
            f"mend the network, or open the ports; or {listen}",
        ),
        Reach.BUSY: (
            f"who listens at {where} does not come to answer",
            f"it is busy: ask again; or it hangs, or is another program: {gone}",
        ),
        Reach.MUTE: (f"who listens at {where} says nothing of sense", f"it is another program: {gone}"),
        Reach.STRANGER: (
            f"who listens at {where} is not of this run, or has other credentials",
            "check --run-id; remove the file if it is of a run that has ended, or copy it again",
        ),
    }[found.reach]
    if "certificate is not yet valid" in found.detail:
        text, way_out = "the credentials are not valid yet by this machine's clock", "set the clocks by NTP"
    elif is_own:
        text, way_out = f"{text}; by that address, each machine calls itself", f"{listen}; {gone}"
    return Opinion(Grade.WRONG, text + (f" ({found.detail})" if found.detail else ""), way_out)


def of_versions(found: Master, findings: Findings) -> Opinions:
    if found.contact is None or found.contact.reach is not Reach.ANSWERS:
        yield Opinion(Grade.UNKNOWN, "not compared: the master does not tell its own")
        return
    here, there = findings.versions, found.versions
    ours = here["hpbandster_ng"]
    if there is None:
        text = f"the master's hpbandster_ng is older than {ours}: it does not tell its own"
        yield Opinion(Grade.WRONG, text, "install the same on all machines, and start the master again")
        return
    differ = [name for name in here if _compared(name, here) != _compared(name, there)]
    if not differ:
        yield Opinion(Grade.OK, f"as the master's: hpbandster_ng {ours}, Python {here['Python']}")
        return
    # Whatever else differs, the call that has told so came through.
    grade = Grade.WRONG if "hpbandster_ng" in differ else Grade.WARNING
    text = f"the master has {_listed(differ, there)}; this machine {_listed(differ, here)}"
    yield Opinion(grade, text, "use the same environment on all machines")


def _compared(name: str, versions: Mapping[str, str]) -> str:
    version = versions.get(name, "none")
    return ".".join(version.split(".")[:2]) if name == "Python" else version


def _listed(names: list[str], versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {versions.get(name, 'none')}" for name in names)
