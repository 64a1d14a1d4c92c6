"""The looks at a machine, one after the other: what one does not find, others do without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hpbandster_ng.backends.pyro.access import Access
from hpbandster_ng.backends.pyro.versions import own_versions
from hpbandster_ng.interfaces.doctor.findings import (
    Contact,
    Credentials,
    Findings,
    Interface,
    Master,
    MissingCredentials,
    NoAnswer,
    NotChecked,
    Reach,
    Runs,
    Unusable,
)
from hpbandster_ng.interfaces.doctor.machine_probes import look_at_interface, look_up_names, try_directory
from hpbandster_ng.interfaces.doctor.run_probes import ask_master, ask_nameserver, list_runs, look_at_credentials
from hpbandster_ng.interfaces.doctor.time_limit import within

__all__ = ["examine"]

_LOOK = 5.0
"""Seconds that a look at this machine, its directories and its names may take."""

_CALL = 25.0
"""Seconds for a nameserver or a master; connecting, the handshake and each call have shorter limits of their own."""


def examine(directory: Path, nic_name: str, run_id: str | None) -> Findings:
    """Everything that can be found out from here, within half a minute, unless much is wrong at once.

    Args:
        run_id: the run to look at; None for the one that has credentials in the directory, if there is only one.
    """
    interface = within(_LOOK, look_at_interface, nic_name)
    names = within(_LOOK, look_up_names, interface.host if isinstance(interface, Interface) else None)
    tried = within(_LOOK, try_directory, directory)
    hangs = isinstance(tried, NoAnswer)
    runs = NotChecked("the directory does not answer") if hangs else within(_LOOK, list_runs, directory)
    which = run_id or _only_one(runs)
    credentials: Credentials | MissingCredentials | Unusable | NotChecked | NoAnswer
    if hangs:
        credentials = NotChecked("the directory does not answer")
    elif which is None:
        credentials = NotChecked("it is not clear of which run")
    else:
        credentials = within(_LOOK, look_at_credentials, directory, which)
    nameserver, master = _talk(directory, which, credentials)
    return Findings(
        path=str(directory),
        interface=interface,
        names=names,
        directory=tried,
        runs=runs,
        run_id=which,
        is_asked_for=run_id is not None,
        credentials=credentials,
        nameserver=nameserver,
        master=master,
        versions=own_versions(),
    )


def _only_one(runs: Runs | NotChecked | NoAnswer) -> str | None:
    return runs.ids[0] if isinstance(runs, Runs) and len(runs.ids) == 1 else None


def _talk(
    directory: Path, run_id: str | None, credentials: Any
) -> tuple[Contact | NotChecked | NoAnswer, Master | NotChecked | NoAnswer]:
    if run_id is None or not isinstance(credentials, Credentials):
        without = NotChecked("that takes credentials which can be used")
        return without, without
    access = Access(run_id, directory, insecure=credentials.seconds_left is None)
    answer = within(_CALL, ask_nameserver, credentials, access)
    if isinstance(answer, NoAnswer):
        return answer, NotChecked("the nameserver does not tell where it is")
    contact, location = answer
    if contact.reach is not Reach.ANSWERS:
        return contact, NotChecked("the nameserver does not tell where it is")
    return contact, within(_CALL, ask_master, location, access)
