"""Findings as a table, and what is said of each."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from hpbandster_ng.interfaces.doctor.findings import (
    Contact,
    Credentials,
    Directory,
    Findings,
    Interface,
    Master,
    MissingCredentials,
    Names,
    NoAnswer,
    NotChecked,
    Reach,
    Runs,
    Unusable,
)
from hpbandster_ng.interfaces.doctor.grades import Grade
from hpbandster_ng.interfaces.doctor.judgement import judge

ADDRESSES = {"lo": ("127.0.0.1", "::1"), "eth0": ("10.0.0.2", "fd00::2"), "ib0": ("10.1.0.2",), "tap": ()}
VERSIONS = {"hpbandster_ng": "0.2.0", "Python": "3.11.2", "numpy": "2.4.6"}
INTERFACE = Interface("eth0", "10.0.0.2", "up", ADDRESSES)
DIRECTORY = Directory(
    is_atomic=True, is_private=True, has_locks=True, clock_ahead=0.01, free_bytes=5 * 10**10, file_system="nfs4"
)
NAMESERVER = Contact("10.0.0.1", 9090, Reach.ANSWERS, "10.0.0.1", "10.0.0.2")
DISPATCHER = replace(NAMESERVER, port=9091)
WELL = Findings(
    path="/shared",
    interface=INTERFACE,
    names=Names("node2", ("10.0.0.2",), "node2.cluster"),
    directory=DIRECTORY,
    runs=Runs(("my_run",)),
    run_id="my_run",
    is_asked_for=False,
    credentials=Credentials("10.0.0.1", 9090, 29.5 * 86400),
    nameserver=NAMESERVER,
    master=Master(DISPATCHER, VERSIONS),
    versions=VERSIONS,
)
SUBJECTS = ["interface", "names", "directory", "clock", "run", "credentials", "nameserver", "master", "versions"]


def opinions(subject, **changes):
    """Grades and words on one subject."""
    found = [verdict for verdict in judge(replace(WELL, **changes)) if verdict.subject == subject]
    return [(verdict.grade.value, f"{verdict.text}; {verdict.way_out}") for verdict in found]


def test_where_all_is_well_there_is_a_short_line_a_subject():
    verdicts = judge(WELL)
    assert [verdict.subject for verdict in verdicts] == SUBJECTS
    assert {verdict.grade for verdict in verdicts} == {Grade.OK}
    assert not any(verdict.way_out for verdict in verdicts)
    assert max(len(verdict.text) for verdict in verdicts) <= 80 - len("warning  credentials  ")


def contact(reach, detail="", **changes):
    return replace(NAMESERVER, reach=reach, detail=detail, **changes)


def master(**changes):
    return Master(replace(DISPATCHER, **changes), VERSIONS)


def directory(**changes):
    return {"directory": replace(DIRECTORY, **changes)}


LOOPBACK = {"interface": Interface("lo", "127.0.0.1", "unknown", ADDRESSES)}
HERE = {"host": "127.0.0.1", "peer": "127.0.0.1", "by": "127.0.0.1"}
ALONE = Interface("eth0", None, "up", {"lo": ("127.0.0.1",), "eth0": ()})
LINK_LOCAL = Interface("eth0", "fe80::1%eth0", "up", {**ADDRESSES, "eth0": ("fe80::1%eth0",)})
IPV6 = Interface("eth0", "fd00::2", "up", {**ADDRESSES, "eth0": ("fd00::2",)})
NEVER = NotChecked("why")
LATE = NoAnswer("no answer within 5 seconds", has_hung=True)
FAULT = NoAnswer("TypeError: 3", has_hung=False)

CASES = [
    (
        "interface",
        {"interface": replace(INTERFACE, name="eth9", host=None)},
        "wrong",
        ["no interface eth9", "eth0 (10.0.0.2), ib0 (10.1.0.2)"],
    ),
    (
        "interface",
        {"interface": replace(INTERFACE, name="tap", host=None)},
        "wrong",
        ["tap has no address", "eth0 (10.0.0.2)"],
    ),
    ("interface", {"interface": ALONE}, "wrong", ["eth0 has no address", "connect this machine to a network"]),
    (
        "interface",
        {"interface": replace(INTERFACE, state="down")},
        "wrong",
        ["eth0 (10.0.0.2) is down; ip link set eth0 up"],
    ),
    ("interface", {"interface": replace(INTERFACE, state=None)}, "ok", ["eth0 has the address 10.0.0.2"]),
    (
        "interface",
        {"interface": LINK_LOCAL, "nameserver": NEVER},
        "wrong",
        ["no address to eth0: fe80::1%eth0", "DHCP"],
    ),
    (
        "interface",
        {"interface": IPV6, "nameserver": NEVER},
        "warning",
        ["no IPv4 address, only fd00::2", "if all machines have such"],
    ),
    (
        "interface",
        {**LOOPBACK, "nameserver": NEVER},
        "warning",
        ["127.0.0.1, which nobody but this machine reaches", "--nic-name one of: eth0"],
    ),
    ("interface", {**LOOPBACK, "nameserver": contact(Reach.ANSWERS, **HERE)}, "ok", ["lo has the address 127.0.0.1"]),
    ("interface", {"interface": FAULT}, "wrong", ["TypeError: 3; this is a fault of this command"]),
    (
        "names",
        {"names": Names("node2", (), None)},
        "warning",
        ["nobody knows the name of this machine, node2", "/etc/hosts"],
    ),
    (
        "names",
        {"names": Names("node2", ("127.0.1.1",), "node2")},
        "warning",
        ["node2 is 127.0.1.1 here", "this machine only; correct its line"],
    ),
    ("names", {"names": Names("node2", ("10.0.0.2",), None)}, "warning", ["10.0.0.2 has no name"]),
    (
        "names",
        {"names": Names("node2", ("10.9.0.2", "10.0.0.2"), "node2")},
        "ok",
        ["node2 is 10.0.0.2, and 10.0.0.2 is node2"],
    ),
    (
        "names",
        {"names": Names("node2", ("10.9.0.2",), "node2-ib")},
        "ok",
        ["node2 is 10.9.0.2, and 10.0.0.2 is node2-ib"],
    ),
    ("names", {"interface": ALONE, "names": Names("node2", ("10.9.0.2",), None)}, "ok", ["node2 is 10.9.0.2"]),
    ("names", {**LOOPBACK, "names": Names("node2", ("127.0.0.1",), "localhost")}, "ok", ["127.0.0.1 is localhost"]),
    ("names", {"names": LATE}, "wrong", ["no answer within 5 seconds; DNS does not answer"]),
    ("directory", {"directory": LATE}, "wrong", ["no answer within 5 seconds; its file system hangs"]),
    (
        "directory",
        {"directory": Unusable("Disk quota exceeded", errno.EDQUOT)},
        "wrong",
        ["/shared: Disk quota exceeded; delete something"],
    ),
    (
        "directory",
        {"directory": Unusable("No such file or directory", errno.ENOENT)},
        "wrong",
        ["; create it, correct the path, or mount it"],
    ),
    ("directory", {"directory": Unusable("Read-only file system", errno.EROFS)}, "wrong", ["; make it writable"]),
    ("directory", {"directory": Unusable("Input/output error", errno.EIO)}, "wrong", ["see to its file system"]),
    ("directory", directory(is_atomic=False), "wrong", ["missing for a moment", "not on an object store"]),
    ("directory", directory(is_private=False), "wrong", ["open to other users", "keeps mode 0600"]),
    ("directory", directory(has_locks=False), "warning", ["cannot be locked", "Lustre: flock"]),
    ("directory", directory(free_bytes=10**6), "warning", ["no more than 1.0 MB are free; delete something"]),
    ("directory", directory(file_system=None), "ok", ["writable, atomic rename, 50.0 GB free; "]),
    ("directory", directory(file_system="ext4"), "ok", ["50.0 GB free on ext4"]),  # the other machine's file is here
    (
        "directory",
        {**directory(file_system="ext4"), "nameserver": NEVER},
        "warning",
        ["disk of this machine (ext4); fine if "],
    ),
    ("directory", {**directory(file_system="ext4"), "nameserver": contact(Reach.SILENT)}, "ok", ["on ext4"]),
    (
        "directory",
        {**directory(file_system="ext4"), "nameserver": contact(Reach.ANSWERS, peer="10.0.0.2")},
        "warning",
        ["(ext4)"],
    ),
    ("directory", {**directory(file_system="ext4"), "nameserver": NEVER, **LOOPBACK}, "ok", ["on ext4"]),
    ("clock", directory(clock_ahead=4.9), "ok", ["within 4.9 s"]),
    ("clock", directory(clock_ahead=-5.1), "warning", ["5 s ahead of that of the directory's", "NTP"]),
    ("clock", directory(clock_ahead=5.1), "warning", ["5 s behind that of the directory's", "NTP"]),
    ("clock", directory(clock_ahead=3600.0), "wrong", ["3600 s behind", "credentials are good too late", "NTP"]),
    ("clock", {"directory": LATE}, "unknown", ["not checked: no answer within 5 seconds"]),
    ("clock", {"directory": Unusable("full")}, "unknown", ["not checked: "]),
    ("run", {"is_asked_for": True}, "ok", ["my_run, as asked for"]),
    ("run", {}, "ok", ["my_run, the only one with credentials in the directory"]),
    ("run", {"runs": Runs(()), "run_id": None}, "unknown", ["no run has credentials", "working_directory='/shared'"]),
    (
        "run",
        {"runs": Runs(("a", "b")), "run_id": None},
        "unknown",
        ["several have credentials in the directory: a, b; give --run-id"],
    ),
    ("run", {"runs": Runs((*"abcdefghij",)), "run_id": None}, "unknown", ["a, b, c, d, e, f, g, h and 2 more;"]),
    ("credentials", {"credentials": NEVER}, "unknown", ["not checked: why"]),
    ("credentials", {"credentials": LATE}, "wrong", ["no answer within 5 seconds; try again"]),
    (
        "credentials",
        {"credentials": MissingCredentials(), "runs": Runs(())},
        "wrong",
        ["none of my_run in /shared; start its NameServer"],
    ),
    (
        "credentials",
        {"credentials": Unusable("what is wrong; what to do; or that")},
        "wrong",
        ["what is wrong; what to do; or that"],
    ),
    ("credentials", {"credentials": Credentials("h", 1, None)}, "warning", ["the run is open", "insecure=True"]),
    (
        "credentials",
        {"credentials": Credentials("h", 1, 0.0)},
        "wrong",
        ["they have expired; start the nameserver anew"],
    ),
    ("credentials", {"credentials": Credentials("h", 1, 5400.0)}, "warning", ["they expire in 1.5 hours"]),
    ("credentials", {"credentials": Credentials("h", 1, 86400.0)}, "ok", ["good for 1 days"]),
    (
        "nameserver",
        {"nameserver": contact(Reach.UNKNOWN_NAME, "no such", peer=None, host="n1")},
        "wrong",
        ["at n1:9090, a name", "(no such)", "nic_name='eth0'"],
    ),
    (
        "nameserver",
        {"nameserver": contact(Reach.REFUSED)},
        "wrong",
        ["nobody listens at 10.0.0.1:9090; if the run has ended, remove", "firewall"],
    ),
    (
        "nameserver",
        {"nameserver": contact(Reach.SILENT)},
        "wrong",
        ["no answer from 10.0.0.1:9090", "open the ports", "nic_name='eth0'"],
    ),
    (
        "nameserver",
        {"nameserver": contact(Reach.NO_ROUTE, "No route to host")},
        "wrong",
        ["no way to 10.0.0.1:9090", "(No route to host); mend"],
    ),
    ("nameserver", {"nameserver": contact(Reach.BUSY)}, "wrong", ["does not come to answer; it is busy: ask again"]),
    (
        "nameserver",
        {"nameserver": contact(Reach.MUTE)},
        "wrong",
        ["says nothing of sense; it is another program: if the run has ended"],
    ),
    (
        "nameserver",
        {"nameserver": contact(Reach.STRANGER, "self-signed")},
        "wrong",
        ["not of this run", "(self-signed); check --run-id"],
    ),
    (
        "nameserver",
        {"nameserver": contact(Reach.STRANGER, "certificate is not yet valid")},
        "wrong",
        ["by this machine's clock", "NTP"],
    ),
    (
        "nameserver",
        {"nameserver": contact(Reach.REFUSED, **HERE)},
        "wrong",
        ["each machine calls itself; start NameServer with nic_name='eth0'; if"],
    ),
    (
        "nameserver",
        {"nameserver": contact(Reach.REFUSED, **HERE), **LOOPBACK},
        "wrong",
        ["nobody listens at 127.0.0.1:9090; if the run"],
    ),
    (
        "nameserver",
        {"nameserver": contact(Reach.ANSWERS, **HERE)},
        "warning",
        ["where no other machine reaches it; start NameServer with"],
    ),
    ("nameserver", {"nameserver": contact(Reach.ANSWERS, **HERE), **LOOPBACK}, "ok", ["answers at 127.0.0.1:9090"]),
    ("master", {"master": Master(None)}, "unknown", ["none has registered", "start the optimizer"]),
    (
        "master",
        {"master": master(reach=Reach.REFUSED, **HERE)},
        "wrong",
        ["each machine calls itself; give the optimizer host=nic_name_to_host('eth0')"],
    ),
    (
        "master",
        {"master": master(reach=Reach.REFUSED)},
        "wrong",
        ["nobody listens at 10.0.0.1:9091; if it was killed, start it again"],
    ),
    ("master", {"master": LATE}, "wrong", ["no answer within 5 seconds"]),
    ("versions", {"master": Master(None)}, "unknown", ["not compared"]),
    ("versions", {"master": master(reach=Reach.SILENT)}, "unknown", ["not compared"]),
    ("versions", {"master": LATE}, "unknown", ["not checked: no answer within 5 seconds"]),
    ("versions", {"master": Master(DISPATCHER, None)}, "wrong", ["older than 0.2.0", "install the same"]),
    (
        "versions",
        {"master": Master(DISPATCHER, {**VERSIONS, "hpbandster_ng": "0.1.0"})},
        "wrong",
        ["the master has hpbandster_ng 0.1.0; this machine hpbandster_ng 0.2.0"],
    ),
    (
        "versions",
        {"master": Master(DISPATCHER, {**VERSIONS, "numpy": "1.26", "Python": "3.10.2"})},
        "warning",
        ["has Python 3.10.2, numpy 1.26; this machine Python 3.11.2, numpy 2.4.6"],
    ),
    ("versions", {"master": Master(DISPATCHER, {**VERSIONS, "Python": "3.11.9"})}, "ok", ["hpbandster_ng 0.2.0"]),
    (
        "versions",
        {"master": Master(DISPATCHER, {"hpbandster_ng": "0.2.0", "Python": "3.11"})},
        "warning",
        ["the master has numpy none"],
    ),
]


@pytest.mark.parametrize(("subject", "changes", "grade", "words"), CASES)
def test_a_finding_means(subject, changes, grade, words):
    ((found, text),) = opinions(subject, **changes)
    assert found == grade
    for word in words:
        assert word in text


@pytest.mark.parametrize(("subject", "changes", "grade", "words"), CASES)
def test_whatever_is_wrong_says_what_to_do_and_nothing_else_is_lost(subject, changes, grade, words):
    verdicts = judge(replace(WELL, **changes))
    assert list(dict.fromkeys(verdict.subject for verdict in verdicts)) == SUBJECTS
    for verdict in verdicts:
        assert verdict.way_out or verdict.grade in (Grade.OK, Grade.UNKNOWN)


def test_all_that_is_wrong_with_a_directory_is_said():
    worst = directory(is_atomic=False, is_private=False, has_locks=False, free_bytes=0, file_system="tmpfs")
    found = opinions("directory", **worst, nameserver=NEVER)
    assert [grade for grade, _ in found] == ["wrong", "wrong", "warning", "warning", "warning"]


def test_a_nameserver_that_is_reached_through_another_interface_is_told():
    (_, (grade, text)) = opinions("interface", nameserver=replace(NAMESERVER, by="10.1.0.2"))
    assert grade == "warning"
    assert "reached through ib0 (10.1.0.2), not eth0" in text
    (_, (_, text)) = opinions("interface", nameserver=replace(NAMESERVER, by="10.2.0.2"))
    assert "through another one (10.2.0.2)" in text


def test_an_interface_that_is_not_there_is_recommended_to_nobody():
    ((_, text),) = opinions(
        "nameserver",
        interface=replace(INTERFACE, name="eth9", host=None),
        nameserver=contact(Reach.SILENT),
    )
    assert "nic_name='...'" in text
