"""The doctor at real nameservers, masters, directories and sockets of this machine."""

from __future__ import annotations

import json
import os
import socket
import socketserver
import subprocess
import threading
import time
from contextlib import ExitStack

import Pyro4
import pytest
from click.testing import CliRunner

from hpbandster_ng.backends.pyro import backend, certificates
from hpbandster_ng.backends.pyro import nameserver as nameserver_module
from hpbandster_ng.backends.pyro.access import Access
from hpbandster_ng.backends.pyro.backend import PyroBackend
from hpbandster_ng.backends.pyro.certificates import mint
from hpbandster_ng.backends.pyro.credentials import credentials_path, read_secret, write_credentials
from hpbandster_ng.backends.pyro.nameserver import dispatcher_name, locate_nameserver
from hpbandster_ng.backends.pyro.server import DaemonThread
from hpbandster_ng.backends.pyro.versions import own_versions
from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.interfaces.cli.main import main
from hpbandster_ng.interfaces.doctor import examination, machine_probes, run_probes
from hpbandster_ng.interfaces.doctor.findings import Directory
from hpbandster_ng.interfaces.doctor.machine_probes import look_at_interface, try_directory
from tests.waiting import wait_until

OF_A_RUN = ("run", "credentials", "nameserver", "master", "versions")


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def shared(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    return shared


@pytest.fixture
def nameserver(stack, shared):
    return stack.enter_context(NameServer("run", shared, port=0))


@pytest.fixture
def start_master(stack, nameserver):
    def start_master(**options):
        master = PyroBackend("run", nameserver_port=nameserver.port, **options)
        master.start(time.time)
        stack.callback(master.close, shutdown_workers=True)

    return start_master


def call(shared, *options, code=0):
    answer = CliRunner().invoke(main, ["doctor", "--shared-directory", str(shared), "--nic-name", "lo", *options])
    assert answer.exit_code == code, answer.output
    return answer.output


def verdicts_of(shared, *options, code=0):
    """Grade and words by subject; of several, the last."""
    document = json.loads(call(shared, *options, "--json", code=code))
    assert document["is_well"] is (code == 0)
    verdicts = document["verdicts"]
    assert code == any(verdict["grade"] == "wrong" for verdict in verdicts)
    return {each["subject"]: (each["grade"], f"{each['text']}; {each['way_out']}") for each in verdicts}


def test_a_run_that_is_well_is_ten_lines_and_no_secret(shared, nameserver, start_master):
    start_master()
    before = sorted(shared.iterdir())
    (*lines, last) = call(shared).splitlines()
    assert sorted(shared.iterdir()) == before
    assert last == "Nothing is wrong."
    assert len(lines) == 9
    grades = {subject: grade for grade, subject, *_ in map(str.split, lines)}
    assert grades.pop("names") in ("ok", "warning")  # this machine's names are what they are
    assert set(grades.values()) == {"ok"}
    secret = read_secret(credentials_path(shared, "run"))
    document = call(shared, "--run-id", "run", "--json")
    for field in (secret.authority, secret.certificate, secret.key):
        assert not any(line in text for line in field.splitlines() for text in ("\n".join(lines), document))


def test_programs_get_all_that_was_found(shared, nameserver, start_master):
    start_master()
    found = json.loads(call(shared, "--json"))["findings"]
    assert found["run_id"] == "run"
    assert found["path"] == str(shared)
    assert found["master"]["versions"] == found["versions"] == own_versions()
    assert found["nameserver"]["port"] == found["credentials"]["port"] == nameserver.port
    assert found["interface"]["host"] == "127.0.0.1"


def test_where_no_run_is_yet_the_rest_is_not_checked_and_nothing_is_wrong(shared):
    verdicts = verdicts_of(shared)
    assert verdicts["directory"][0] == "ok"
    assert "no run has credentials in the directory yet" in verdicts["run"][1]
    assert {verdicts[subject][0] for subject in OF_A_RUN} == {"unknown"}
    assert call(shared).splitlines()[-1] == "Nothing is wrong, as far as it was checked."


def test_of_several_runs_one_must_be_named(stack, shared, nameserver):
    write_credentials(credentials_path(shared, "other"), "127.0.0.1", nameserver.port, mint())
    verdicts = verdicts_of(shared)
    assert "several have credentials in the directory: other, run; give --run-id" in verdicts["run"][1]
    assert {verdicts[subject][0] for subject in OF_A_RUN} == {"unknown"}
    assert verdicts_of(shared, "--run-id", "run")["nameserver"][0] == "ok"


def test_the_name_of_somebody_elses_file_does_nothing_to_a_terminal(shared):
    for name in (b"\x1b[31mred\nline", b"\xff", "ü b".encode()):
        (shared / os.fsdecode(b"HPB_run_" + name + b"_pyro.json")).touch()
    (line,) = [line for line in call(shared).splitlines() if line.split()[1] == "run"]
    assert r"several have credentials in the directory: \x1b[31mred\nline, ü b, \udcff; " in line


def test_a_run_that_is_asked_for_and_is_not_there_is_wrong(shared, nameserver):
    verdicts = verdicts_of(shared, "--run-id", "other", code=1)
    assert verdicts["credentials"][0] == "wrong"
    assert f"there are none of other in {shared}, only of run; start its NameServer" in verdicts["credentials"][1]
    assert verdicts["nameserver"][0] == "unknown"


@pytest.mark.parametrize("run_id", ["", "a/b"])
def test_what_is_no_run_id_is_one_error(shared, run_id):
    assert call(shared, "--run-id", run_id, code=1).startswith(f"Error: run_id={run_id!r} must be part of a file name")


def test_an_unknown_interface_is_told_with_those_there_are(shared):
    grade, text = verdicts_of(shared, "--nic-name", "nope0", code=1)["interface"]
    assert grade == "wrong"
    assert "this machine has no interface nope0" in text
    found = look_at_interface("nope0")
    assert found.host is None
    assert found.state is None
    assert found.addresses["lo"][0] == "127.0.0.1"


# Nameserver and master


def test_a_master_that_is_not_there_yet_is_unknown(shared, nameserver):
    verdicts = verdicts_of(shared)
    assert verdicts["nameserver"][0] == "ok"
    assert verdicts["master"] == (
        "unknown",
        "none has registered with the nameserver yet; start the optimizer, and ask again",
    )
    assert verdicts["versions"][0] == "unknown"


def test_a_file_that_a_dead_nameserver_left_behind(shared):
    with NameServer("run", port=0) as dead:
        pass
    write_credentials(credentials_path(shared, "run"), "127.0.0.1", dead.port, mint())
    verdicts = verdicts_of(shared, code=1)
    assert verdicts["credentials"][0] == "ok"
    assert verdicts["nameserver"][0] == "wrong"
    assert f"nobody listens at 127.0.0.1:{dead.port}; if the run has ended, remove" in verdicts["nameserver"][1]
    assert verdicts["master"][0] == "unknown"


def test_a_port_that_says_nothing(shared, monkeypatch):
    monkeypatch.setattr(nameserver_module, "HANDSHAKE_TIMEOUT", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        write_credentials(credentials_path(shared, "run"), "127.0.0.1", port, mint())
        verdicts = verdicts_of(shared, code=1)
    assert verdicts["nameserver"][0] == "wrong"
    assert f"who listens at 127.0.0.1:{port} does not come to answer" in verdicts["nameserver"][1]


class _HangUp(socketserver.BaseRequestHandler):
    """The server closes the connection after this."""

    def handle(self):
        pass


class _Web(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(1024)
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize(("handler", "words"), [(_HangUp, "says nothing of sense"), (_Web, "is not of this run")])
def test_a_port_of_another_program(stack, shared, handler, words):
    server = stack.enter_context(socketserver.TCPServer(("127.0.0.1", 0), handler))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    stack.callback(thread.join)
    stack.callback(server.shutdown)
    thread.start()
    write_credentials(credentials_path(shared, "run"), *server.server_address, mint())
    grade, text = verdicts_of(shared, code=1)["nameserver"]
    assert grade == "wrong"
    assert words in text


def test_a_name_that_nobody_knows(shared):
    write_credentials(credentials_path(shared, "run"), "no-such-host.invalid", 9090, mint())
    grade, text = verdicts_of(shared, code=1)["nameserver"]
    assert grade == "wrong"
    assert "is at no-such-host.invalid:9090, a name that this machine does not know" in text
    assert "nic_name='lo'" in text


def test_credentials_of_another_run(shared, nameserver, start_master):
    start_master()
    write_credentials(credentials_path(shared, "run"), nameserver.host, nameserver.port, mint())
    verdicts = verdicts_of(shared, code=1)
    assert verdicts["credentials"][0] == "ok"
    assert verdicts["nameserver"][0] == "wrong"
    assert "is not of this run, or has other credentials" in verdicts["nameserver"][1]
    assert verdicts["master"][0] == "unknown"


def test_an_open_run_is_told_and_works(stack, shared):
    with pytest.warns(RuntimeWarning, match="insecure=True"):
        nameserver = stack.enter_context(NameServer("run", shared, port=0, insecure=True))
    master = PyroBackend("run", nameserver_port=nameserver.port, insecure=True)
    with pytest.warns(RuntimeWarning, match="insecure=True"):
        master.start(time.time)
    stack.callback(master.close, shutdown_workers=True)
    verdicts = verdicts_of(shared)
    assert verdicts["credentials"][0] == "warning"
    assert {verdicts[subject][0] for subject in ("nameserver", "master", "versions")} == {"ok"}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.chmod(0o644), "is not safe: the file must be this user's, with mode 0600"),
        (lambda path: path.write_text("{}"), "is no credentials file"),
        (lambda path: path.write_text(path.read_text().replace("M", "m")), "these are no credentials of a run"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "is no credentials file: it is no file"),
    ],
    ids=["readable", "empty", "damaged", "pipe"],
)
def test_credentials_that_cannot_be_used(shared, nameserver, spoil, words):
    spoil(credentials_path(shared, "run"))
    verdicts = verdicts_of(shared, code=1)
    assert verdicts["credentials"][0] == "wrong"
    assert words in verdicts["credentials"][1]
    assert verdicts["nameserver"][0] == "unknown"


def test_credentials_that_have_expired(stack, shared, monkeypatch):
    monkeypatch.setattr(certificates, "_VALIDITY", -certificates.CLOCK_SKEW / 2)
    stack.enter_context(NameServer("run", shared, port=0))
    verdicts = verdicts_of(shared, code=1)
    assert verdicts["credentials"] == (
        "wrong",
        "they have expired; start the nameserver anew, or set this machine's clock",
    )
    assert "certificate has expired" in verdicts["nameserver"][1]


def test_credentials_of_a_clock_that_is_ahead_of_this_one(stack, shared, monkeypatch):
    monkeypatch.setattr(certificates, "CLOCK_SKEW", -certificates.CLOCK_SKEW)
    stack.enter_context(NameServer("run", shared, port=0))
    grade, text = verdicts_of(shared, code=1)["nameserver"]
    assert grade == "wrong"
    assert "the credentials are not valid yet by this machine's clock" in text


def register(nameserver, location):
    with locate_nameserver(nameserver.host, nameserver.port, 0, Access("run")) as proxy:
        proxy.register(dispatcher_name("run"), location)


def test_a_master_that_was_killed(shared, nameserver):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    register(nameserver, f"PYRO:desk@127.0.0.1:{port}")
    grade, text = verdicts_of(shared, code=1)["master"]
    assert grade == "wrong"
    assert f"nobody listens at 127.0.0.1:{port}; if it was killed, start it again" in text


def test_a_master_that_hangs(shared, nameserver, monkeypatch):
    monkeypatch.setattr(run_probes, "HANDSHAKE_TIMEOUT", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        register(nameserver, f"PYRO:desk@127.0.0.1:{silent.getsockname()[1]}")
        verdicts = verdicts_of(shared, code=1)
    assert "does not come to answer; it is busy: ask again; or it hangs" in verdicts["master"][1]
    assert verdicts["versions"][0] == "unknown"


class OldDesk:
    """What masters offered before anybody asked for versions."""

    @Pyro4.expose
    def ping(self):
        return "run"


@pytest.fixture
def serve(stack, nameserver):
    """Serves an object with a secret, in the master's place."""

    def serve(desk, secret):
        daemon = Pyro4.Daemon(host="127.0.0.1")
        register(nameserver, daemon.register(desk))
        thread = DaemonThread(daemon, "hpbandster-test", secret)
        thread.start()
        stack.callback(thread.close)

    return serve


def test_an_older_master_is_told_apart(shared, nameserver, serve):
    serve(OldDesk(), read_secret(credentials_path(shared, "run")))
    verdicts = verdicts_of(shared, code=1)
    assert verdicts["master"][0] == "ok"
    assert verdicts["versions"][0] == "wrong"
    assert "the master's hpbandster_ng is older" in verdicts["versions"][1]


def test_a_stranger_in_the_masters_place(shared, nameserver, serve):
    serve(OldDesk(), mint())
    grade, text = verdicts_of(shared, code=1)["master"]
    assert grade == "wrong"
    assert "is not of this run" in text


@pytest.mark.parametrize(
    ("changes", "code", "grade", "words"),
    [
        ({"hpbandster_ng": "0.0.1"}, 1, "wrong", "the master has hpbandster_ng 0.0.1; this machine hpbandster_ng "),
        ({"numpy": "1.0"}, 0, "warning", "the master has numpy 1.0; this machine numpy "),
    ],
)
def test_a_master_with_other_versions(shared, start_master, monkeypatch, changes, code, grade, words):
    monkeypatch.setattr(backend, "own_versions", lambda: {**own_versions(), **changes})
    start_master()
    found, text = verdicts_of(shared, code=code)["versions"]
    assert found == grade
    assert words in text


# The shared directory


@pytest.fixture
def mount(stack, shared):
    """Mounts something there."""

    def mount(kind, options):
        command = ["mount", "-t", kind, "-o", options, kind, shared]
        if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("needs the right to mount")
        stack.callback(subprocess.run, ["umount", shared], check=True)

    return mount


def test_a_directory_that_is_missing_or_none(shared):
    file = shared / "file"
    file.touch()
    for path in (shared / "missing", file):
        grade, text = verdicts_of(path, code=1)["directory"]
        assert grade == "wrong"
        assert f"nothing can be written to {path}: No" in text
        assert "create it, correct the path, or mount it" in text


def test_a_full_directory(shared, mount):
    mount("tmpfs", "size=64k")
    assert "kB are free; delete" in verdicts_of(shared)["directory"][1]
    (shared / "data").write_bytes(bytes(2**16))
    verdicts = verdicts_of(shared, code=1)
    assert f"nothing can be written to {shared}: No space left on device; delete" in verdicts["directory"][1]
    assert verdicts["clock"][0] == "unknown"


def test_a_directory_where_no_file_can_be_made(shared, mount):
    mount("tmpfs", "nr_inodes=1")
    assert "No space left on device" in verdicts_of(shared, code=1)["directory"][1]


def test_a_directory_for_reading_only_still_shows_the_run(shared, mount):
    mount("tmpfs", "size=1m")
    write_credentials(credentials_path(shared, "run"), "127.0.0.1", 1, mint())
    subprocess.run(["mount", "-o", "remount,ro", shared], check=True)
    verdicts = verdicts_of(shared, code=1)
    assert "Read-only file system; make it writable" in verdicts["directory"][1]
    assert verdicts["credentials"][0] == "ok"


def test_what_replaces_files_in_two_steps_is_found_out(shared, monkeypatch):
    def in_two_steps(path, host, port):
        path.unlink(missing_ok=True)
        wait_until(lambda: "hpbandster-doctor-reader" not in names_of_threads(), "who reads has missed it")
        write_credentials(path, host, port)

    def names_of_threads():
        return {thread.name for thread in threading.enumerate()}

    monkeypatch.setattr(machine_probes, "write_credentials", in_two_steps)
    found = try_directory(shared)
    assert isinstance(found, Directory)
    assert not found.is_atomic
    assert list(shared.iterdir()) == []


def test_the_file_system_is_the_one_that_is_mounted_there(shared, mount):
    folder = shared.parent / "a folder"
    mount("tmpfs", "size=1m")
    shared_here = try_directory(shared)
    assert (shared_here.file_system, shared_here.free_bytes) == ("tmpfs", pytest.approx(2**20, rel=0.1))
    folder.symlink_to(shared)
    assert try_directory(folder).file_system == "tmpfs"


def test_one_fault_does_not_end_the_others(shared, monkeypatch):
    def fail(name):
        raise ZeroDivisionError("of a driver")

    monkeypatch.setattr(examination, "look_at_interface", fail)
    verdicts = verdicts_of(shared, code=1)
    assert verdicts["interface"] == (
        "wrong",
        "ZeroDivisionError: of a driver; this is a fault of this command: report it",
    )
    assert verdicts["directory"][0] == "ok"
