"""What is right and wrong with a machine: interface, names, shared directory and clock."""

from __future__ import annotations

import errno
import ipaddress

from rich.filesize import decimal

from hpbandster_ng.backends.pyro.certificates import CLOCK_SKEW
from hpbandster_ng.interfaces.doctor.findings import (
    Contact,
    Directory,
    Findings,
    Interface,
    Names,
    NoAnswer,
    Reach,
    Unusable,
)
from hpbandster_ng.interfaces.doctor.grades import Grade, Opinion, Opinions

__all__ = ["is_loopback", "of_clock", "of_directory", "of_interface", "of_names"]

_DOWN = frozenset({"down", "lowerlayerdown", "notpresent"})
"""Of what Linux says of an interface."""

_OWN_DISKS = frozenset(
    {"apfs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "ramfs", "tmpfs", "vfat", "xfs", "zfs"}
)
"""File systems that other machines see only if this one exports them."""

_LITTLE = 100e6
"""Bytes; less is soon full."""

_SKEW = 5.0
"""Seconds by which clocks may differ before times mislead people."""


def is_loopback(address: str | None) -> bool:
    """Whether an address means this machine, wherever it is read.

    Example:
        >>> is_loopback("127.0.1.1"), is_loopback("10.0.0.1"), is_loopback(None)
        (True, False, False)
    """
    return address is not None and _parsed(address).is_loopback


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(address.partition("%")[0])


def of_interface(found: Interface, findings: Findings) -> Opinions:
    name, host = found.name, found.host
    if name not in found.addresses:
        yield Opinion(Grade.WRONG, f"this machine has no interface {name}", _others(found))
        return
    if host is None:
        yield Opinion(Grade.WRONG, f"{name} has no address", f"set up the network; or {_others(found)}")
        return
    if found.state in _DOWN:
        yield Opinion(
            Grade.WRONG,
            f"{name} ({host}) is down",
            f"ip link set {name} up, as root; see to its cable; or {_others(found)}",
        )
    elif is_loopback(host) and not _is_on_one_machine(findings):
        way_out = f"fine if all processes run on it; else {_others(found)}"
        yield Opinion(Grade.WARNING, f"{name} has the address {host}, which nobody but this machine reaches", way_out)
    elif _parsed(host).is_link_local:
        text = f"the network has given no address to {name}: {host} is good for one cable"
        yield Opinion(Grade.WRONG, text, f"see DHCP, or give it an address; or {_others(found)}")
    elif _parsed(host).version == 6 and not is_loopback(host):
        yield Opinion(
            Grade.WARNING,
            f"{name} has no IPv4 address, only {host}",
            f"fine if all machines have such; else {_others(found)}",
        )
    else:
        yield Opinion(Grade.OK, f"{name} has the address {host}")
    yield from _of_another_interface(found, findings.nameserver)


def _of_another_interface(found: Interface, nameserver: object) -> Opinions:
    """Whether the nameserver is reached through the interface."""
    if not isinstance(nameserver, Contact) or nameserver.by is None or is_loopback(nameserver.by):
        return
    if nameserver.by not in found.addresses[found.name]:
        through = next(
            (name for name, addresses in found.addresses.items() if nameserver.by in addresses), "another one"
        )
        yield Opinion(
            Grade.WARNING,
            f"the nameserver is reached through {through} ({nameserver.by}), not {found.name}",
            "give all processes of the run interfaces of one network",
        )


def _others(found: Interface) -> str:
    """Which interface to choose instead."""
    others = {
        name: addresses
        for name, addresses in found.addresses.items()
        if name != found.name and addresses and not all(map(is_loopback, addresses))
    }
    if not others:
        return "connect this machine to a network"
    return f"give --nic-name one of: {', '.join(f'{name} ({addresses[0]})' for name, addresses in others.items())}"


def _is_on_one_machine(findings: Findings) -> bool:
    """Whether the run is: its nameserver listens where nobody else can call."""
    contact = findings.nameserver
    return isinstance(contact, Contact) and contact.reach is Reach.ANSWERS and is_loopback(contact.peer)


def of_names(found: Names, findings: Findings) -> Opinions:
    interface = findings.interface
    host = interface.host if isinstance(interface, Interface) else None
    name, way_out = found.host_name, "enter it in DNS or /etc/hosts; addresses, as of nic_name, do without"
    if not found.addresses:
        yield Opinion(Grade.WARNING, f"nobody knows the name of this machine, {name}", way_out)
    elif all(map(is_loopback, found.addresses)) and not is_loopback(host):
        yield Opinion(
            Grade.WARNING,
            f"{name} is {found.addresses[0]} here: who listens by that name is reached by this machine only",
            "correct its line in /etc/hosts, or give addresses, as nic_name does, and no names",
        )
    elif host is not None and found.name is None:
        yield Opinion(Grade.WARNING, f"{name} is {found.addresses[0]}, but {host} has no name", way_out)
    elif host is None:
        yield Opinion(Grade.OK, f"{name} is {found.addresses[0]}")
    else:
        address = host if host in found.addresses else found.addresses[0]
        yield Opinion(Grade.OK, f"{name} is {address}, and {host} is {found.name}")


_WHAT_TO_DO = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "delete something, or ask for more space"),
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR), "create it, correct the path, or mount it on this machine"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "make it writable for this user, or choose another one"),
}


def of_directory(found: Directory | Unusable, findings: Findings) -> Opinions:
    if isinstance(found, Unusable):
        way_out = _WHAT_TO_DO.get(found.code, "see to its file system, or choose another directory")
        yield Opinion(Grade.WRONG, f"nothing can be written to {findings.path}: {found.reason}", way_out)
        return
    problems = [*_of_files(found), *_of_place(found, findings)]
    yield from problems
    if not problems:
        kind = f" on {found.file_system}" if found.file_system else ""
        yield Opinion(Grade.OK, f"writable, atomic rename, {decimal(found.free_bytes)} free{kind}")


def _of_files(found: Directory) -> Opinions:
    if not found.is_atomic:
        yield Opinion(
            Grade.WRONG,
            "a file that replaces another one is missing for a moment, so a worker may find half of it",
            "choose a directory on NFS, Lustre or the like, and not on an object store",
        )
    if not found.is_private:
        yield Opinion(
            Grade.WRONG,
            "files there are open to other users, whatever their mode, or become another user's",
            "choose a directory that keeps mode 0600 and owner: credentials are not safe here",
        )
    if not found.has_locks:
        yield Opinion(
            Grade.WARNING,
            "files there cannot be locked, so storage='journal:...' does not work",
            "mount it with locks (Lustre: flock), or keep the log elsewhere",
        )
    if found.free_bytes < _LITTLE:
        yield Opinion(Grade.WARNING, f"no more than {decimal(found.free_bytes)} are free", _WHAT_TO_DO[errno.ENOSPC])


def _of_place(found: Directory, findings: Findings) -> Opinions:
    """Whether others see it: credentials that another machine has put there show that they do."""
    interface, contact = findings.interface, findings.nameserver
    if isinstance(interface, NoAnswer) or is_loopback(interface.host) or found.file_system not in _OWN_DISKS:
        return
    own = {address for addresses in interface.addresses.values() for address in addresses}
    if not isinstance(contact, Contact) or contact.peer in {None, *own} or is_loopback(contact.peer):
        yield Opinion(
            Grade.WARNING,
            f"it is on a disk of this machine ({found.file_system})",
            "fine if this one exports it to all others; else choose one that all share",
        )


def of_clock(found: Directory | Unusable, _: Findings) -> Opinions:
    if isinstance(found, Unusable):
        yield Opinion(Grade.UNKNOWN, "not checked: that takes a file in the directory")
        return
    ahead = found.clock_ahead
    size = f"{abs(ahead):.0f} s {'behind' if ahead > 0 else 'ahead of'} that of the directory's file system"
    if abs(ahead) >= CLOCK_SKEW.total_seconds():
        text = f"this machine's is {size}: credentials are good too late, or no longer"
        yield Opinion(Grade.WRONG, text, "set the clocks by NTP")
    elif abs(ahead) >= _SKEW:
        text = f"this machine's is {size}: times in logs, and of files, mislead"
        yield Opinion(Grade.WARNING, text, "set the clocks by NTP")
    else:
        yield Opinion(Grade.OK, f"within {abs(ahead):.1f} s of that of the directory's file system")
