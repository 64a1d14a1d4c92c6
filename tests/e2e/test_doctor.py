"""The doctor as a process of its own, on one machine and on several: partitions, firewalls, file systems that hang."""

from __future__ import annotations

import ctypes
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hpbandster_ng.backends.pyro.credentials import credentials_path
from tests.e2e.hosts import Hosts
from tests.e2e.processes import Process
from tests.waiting import LIMIT, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture
def shared(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    return shared


def doctor(shared, *options, prefix=()):
    """The process, after its end; it prints no error."""
    command = [*prefix, sys.executable, "-m", "hpbandster_ng", "doctor", "--shared-directory", shared, *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        [*map(str, command)], check=False, capture_output=True, text=True, timeout=2 * LIMIT, env=environment
    )
    assert answer.stderr == ""
    return answer


def verdicts_of(shared, nic_name, *options, prefix=()):
    """Grade and words by subject; of several, the last."""
    answer = doctor(shared, "--nic-name", nic_name, "--json", *options, prefix=prefix)
    verdicts = json.loads(answer.stdout)["verdicts"]
    assert answer.returncode == any(verdict["grade"] == "wrong" for verdict in verdicts)
    return {each["subject"]: (each["grade"], f"{each['text']}; {each['way_out']}") for each in verdicts}


def test_a_run_in_another_process_and_what_it_leaves_behind_when_it_is_killed(spawn, shared):
    run = spawn(HERE / "closed_run.py", "--run_id", "run", "--directory", shared)
    run.wait_for("starts")
    wait_until(lambda: verdicts_of(shared, "lo")["versions"][0] == "ok", "the master answers")
    run.popen.kill()
    run.popen.wait(LIMIT)
    verdicts = verdicts_of(shared, "lo")
    assert verdicts["credentials"][0] == "ok"
    assert verdicts["nameserver"][0] == "wrong"
    assert "nobody listens at 127.0.0.1:" in verdicts["nameserver"][1]
    assert [path.name for path in shared.iterdir()] == [credentials_path(shared, "run").name]


@pytest.fixture
def hanging(stack, shared):
    """A file system there whose server never answers."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        server = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"needs a file system of its own: {error}")
    stack.callback(os.close, server)  # whoever waits gets an error
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0".encode()
    if libc.mount(b"hanging", str(shared).encode(), b"fuse", 0, options):
        pytest.skip(f"needs the right to mount: {os.strerror(ctypes.get_errno())}")
    stack.callback(subprocess.run, ["umount", "--lazy", shared], check=True)


def test_a_file_system_that_hangs_is_said_to_and_holds_up_nobody(hanging, shared):
    verdicts = verdicts_of(shared, "lo", "--run-id", "run")
    assert verdicts["directory"][0] == "wrong"
    assert "no answer within 5 seconds; its file system hangs" in verdicts["directory"][1]
    assert verdicts["credentials"] == ("unknown", "not checked: the directory does not answer; ")
    assert verdicts["interface"][0] == "warning"


# Several machines


@pytest.fixture
def hosts(stack):
    hosts = Hosts(2)
    stack.callback(hosts.stop)
    hosts.start()
    for number, address in enumerate(hosts.addresses):
        hosts.write(number, "hosts", f"127.0.0.1 localhost\n{address} {socket.gethostname()}\n")
    return hosts


@pytest.fixture
def look(hosts, shared):
    """What the doctor says on the host where no master is."""

    def look(nic_name="eth0"):
        return verdicts_of(shared, nic_name, prefix=hosts.command(1))

    return look


@pytest.fixture
def start_master(stack, hosts, look, shared, tmp_path):
    def start_master(host):
        script = [sys.executable, HERE / "hosts_master.py", hosts.addresses[0], shared, host, 1]
        process = Process(hosts.command(0, *script), tmp_path / "master.txt", interpreter=())
        stack.callback(process.popen.wait, LIMIT)
        stack.callback(process.popen.kill)
        wait_until(lambda: look()["master"][0] != "unknown", "the master is registered")

    return start_master


def without_numbers(text):
    """What does not depend on the machine."""
    text = text.replace(socket.gethostname(), "node2").replace("hosts, as", "my_run, as")
    return re.sub(r"\d+(\.\d+)*", "#", re.sub(r"(free on) \w+", r"\1 nfs4", text))


def test_another_host_is_well_as_the_documentation_shows(hosts, start_master, shared):
    start_master(hosts.addresses[0])
    answer = doctor(shared, "--nic-name", "eth0", "--run-id", "hosts", prefix=hosts.command(1))
    page = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```text\n(.*?)```", page, flags=re.DOTALL)
    assert without_numbers(answer.stdout) == without_numbers(shown)
    assert answer.returncode == 0


def test_a_host_that_is_cut_off(hosts, start_master, look):
    start_master(hosts.addresses[0])
    hosts.connect(1, False)
    verdicts = look()
    assert verdicts["interface"][0] == "wrong"  # its cable is out
    assert "eth0 (10.78.0.2) is down" in verdicts["interface"][1]
    assert verdicts["credentials"][0] == "ok"  # the file system is another matter
    assert verdicts["nameserver"][0] == "wrong"
    assert "10.78.0.1" in verdicts["nameserver"][1]
    hosts.connect(1, True)
    wait_until(lambda: look()["nameserver"][0] == "ok", "it is let back")


def test_a_firewall_that_drops_and_one_that_rejects(hosts, start_master, look):
    start_master(hosts.addresses[0])
    hosts.ip(0, "route", "add", "blackhole", hosts.addresses[1])  # no answer finds its way
    grade, text = look()["nameserver"]
    assert grade == "wrong"
    assert "no answer from 10.78.0.1:" in text
    assert "a firewall" in text
    hosts.ip(1, "route", "add", "unreachable", hosts.addresses[0])
    grade, text = look()["nameserver"]
    assert grade == "wrong"
    assert "no way to 10.78.0.1:" in text
    assert "No route to host" in text


def test_a_master_that_gave_an_address_of_its_own_machine_only(start_master, look):
    start_master("localhost")
    verdicts = look()
    assert verdicts["nameserver"][0] == "ok"
    grade, text = verdicts["master"]
    assert grade == "wrong"
    assert "by that address, each machine calls itself" in text
    assert "give the optimizer host=nic_name_to_host('eth0')" in text


def test_the_wrong_interface(hosts, start_master, look):
    start_master(hosts.addresses[0])
    verdicts = look("ib0")
    assert verdicts["interface"][0] == "wrong"
    assert "this machine has no interface ib0; give --nic-name one of: eth0 (10.78.0.2)" in verdicts["interface"][1]
    assert verdicts["versions"][0] == "ok"
    hosts.ip(1, "link", "add", "ib0", "type", "veth", "peer", "name", "ib1")
    hosts.ip(1, "link", "set", "ib1", "up")
    hosts.ip(1, "addr", "add", "10.79.0.2/24", "dev", "ib0")
    hosts.ip(1, "link", "set", "ib0", "up")
    grade, text = look("ib0")["interface"]
    assert grade == "warning"
    assert "the nameserver is reached through eth0 (10.78.0.2), not ib0" in text


def test_names_that_lead_nowhere(hosts, look):
    hosts.write(1, "hosts", f"127.0.0.1 localhost\n127.0.1.1 {socket.gethostname()}\n")
    hosts.write(1, "nsswitch.conf", "hosts: files\n")
    grade, text = look()["names"]
    assert grade == "warning"
    assert "is 127.0.1.1 here" in text
    hosts.write(1, "hosts", "127.0.0.1 localhost\n")
    assert "nobody knows the name of this machine" in look()["names"][1]


def test_a_name_service_that_says_nothing(hosts, look):
    hosts.ip(1, "route", "add", "default", "dev", "eth0")
    hosts.write(1, "hosts", "127.0.0.1 localhost\n")
    hosts.write(1, "nsswitch.conf", "hosts: dns\n")
    hosts.ip(0, "route", "add", "blackhole", hosts.addresses[1])
    hosts.write(1, "resolv.conf", f"nameserver {hosts.addresses[0]}\n")
    grade, text = look()["names"]
    assert grade == "wrong"
    assert "no answer within 5 seconds; DNS does not answer" in text


def test_an_interface_with_an_ipv6_address_only(hosts, look):
    hosts.ip(1, "addr", "flush", "dev", "eth0")
    hosts.ip(1, "addr", "add", "fd00::2/64", "dev", "eth0", "nodad")
    grade, text = look()["interface"]
    assert grade == "warning"
    assert "eth0 has no IPv4 address, only fd00::2" in text
