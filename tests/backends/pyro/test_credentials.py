from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpbandster_ng.backends.pyro.access import Access
from hpbandster_ng.backends.pyro.certificates import mint
from hpbandster_ng.backends.pyro.credentials import (
    check_run_id,
    check_shared_directory,
    credentials_path,
    make_runtime_folder,
    read_credentials,
    read_secret,
    runtime_folders,
    runtime_path,
    write_credentials,
)
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.errors import (
    CredentialsError,
    InvalidArgumentError,
    LogError,
    MissingCredentialsError,
    WorkerRefusedError,
)


def test_the_file_is_json_for_its_owner_only(tmp_path):
    path = credentials_path(tmp_path, "run")
    write_credentials(path, "::1", 1234)
    assert json.loads(path.read_text()) == {"host": "::1", "port": 1234}
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_credentials(path) == ("::1", 1234)
    assert [file.name for file in tmp_path.iterdir()] == ["HPB_run_run_pyro.json"]


def test_credentials_are_written_atomically(tmp_path):
    """A reader in a tight loop sees the whole of one file or of the other, never a part."""
    path = credentials_path(tmp_path, "run")
    addresses = [("10.0.0.1", 1), ("a-much-longer-name." * 20, 65535)]
    write_credentials(path, *addresses[0])
    seen, is_over = set(), threading.Event()

    def read():
        while not is_over.is_set():
            seen.add(read_credentials(path))

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(200):
        write_credentials(path, *addresses[i % 2])
    is_over.set()
    reader.join()
    assert seen <= set(addresses)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\x80\x03X\x04\x00\x00\x00host",
        b"\xff\xfe",
        b'{"host": 1, "port": 1}',
        b'{"host": "a", "port": true}',
        b'{"host": "a", "port": 0}',
        b'{"host": "a", "port": 65536}',
        b"[" * 100_000,
    ],
)
def test_anything_else_in_the_file_is_one_error_of_ours(tmp_path, content):
    path = tmp_path / "credentials.json"
    path.write_bytes(content)
    with pytest.raises(LogError, match="is no credentials file"):
        read_credentials(path)


def test_a_file_that_is_not_there_yet_is_told_apart(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_credentials(tmp_path / "missing.json")


@pytest.mark.parametrize("run_id", ["", " ", "a/b", "a\\b", "../a", "a\nb", "a\0b"])
def test_a_run_id_must_be_part_of_a_file_name(run_id):
    with pytest.raises(InvalidArgumentError, match=r"run_id=.* must be part of a file name"):
        check_run_id(run_id)


def test_a_missing_shared_directory_is_named(tmp_path):
    with pytest.raises(InvalidArgumentError, match=r"working_directory=.*missing.* must be an existing directory"):
        check_shared_directory(tmp_path / "missing")


# The secret


SECRET = mint()


def test_a_secret_goes_into_the_file_and_comes_back(tmp_path):
    path = credentials_path(tmp_path, "run")
    write_credentials(path, "here", 1234, SECRET)
    assert read_secret(path) == read_secret(path, 1234) == SECRET
    assert read_credentials(path) == ("here", 1234)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_without_a_secret_or_for_another_port_has_none(tmp_path):
    path = credentials_path(tmp_path, "run")
    write_credentials(path, "here", 1234, SECRET)
    assert read_secret(path, 1235) is None
    write_credentials(path, "here", 1234)
    assert read_secret(path) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666, 0o610])
def test_a_secret_that_others_may_read_or_replace_is_refused(tmp_path, mode):
    path = credentials_path(tmp_path, "run")
    write_credentials(path, "here", 1234, SECRET)
    path.chmod(mode)
    with pytest.raises(CredentialsError, match=r"the secret in .*HPB_run_run_pyro.json is not safe: .* chmod 600"):
        read_secret(path)
    assert read_credentials(path) == ("here", 1234)  # which is no secret


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@as_root
def test_a_secret_of_another_user_is_refused(tmp_path):
    path = credentials_path(tmp_path, "run")
    write_credentials(path, "here", 1234, SECRET)
    os.chown(path, 65534, 65534)
    with pytest.raises(CredentialsError, match="the file must be this user's"):
        read_secret(path)


@contextlib.contextmanager
def closed(path):
    """Whatever lies there is not for this process, even if it is root's."""
    users, mode = os.getresuid(), path.stat().st_mode
    path.chmod(0o000)
    if users[0] == 0:
        os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(*users)
        path.chmod(mode)


def test_a_worker_of_another_user_is_refused_and_told_why(caplog):
    with tempfile.TemporaryDirectory() as shared:  # pytest's own are closed to other users
        Path(shared).chmod(0o755)
        path = credentials_path(shared, "run")
        write_credentials(path, "here", 1234, SECRET)
        with closed(path), pytest.raises(WorkerRefusedError, match="must be the same user's") as refused:
            Worker("run").load_nameserver_credentials(shared)
    assert isinstance(refused.value.__cause__, CredentialsError)
    assert str(refused.value) in caplog.text
    assert "\n" not in str(refused.value)


def test_a_folder_of_the_system_that_is_another_users_is_passed_over(tmp_path, monkeypatch):
    """Who becomes another user often keeps the environment of the first."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with closed(tmp_path), pytest.raises(MissingCredentialsError):
        Access("run").look(1234)
    monkeypatch.setenv("XDG_RUNTIME_DIR", __file__)
    with pytest.raises(MissingCredentialsError):
        Access("run").look(1234)


def test_a_link_or_a_pipe_in_place_of_the_file_is_not_followed_nor_waited_for(tmp_path):
    write_credentials(tmp_path / "elsewhere", "here", 1234, SECRET)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("link", "pipe", "folder"):
        with pytest.raises(LogError, match="is no credentials file"):
            read_secret(tmp_path / name)


# The folder of the user


@pytest.fixture
def system(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def test_the_users_folder_is_for_the_user_only(system):
    folder = make_runtime_folder()
    assert folder == make_runtime_folder() == runtime_folders()[0] == system / "hpbandster_ng"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: (path.mkdir(), path.chmod(0o755)),
        lambda path: (path.mkdir(), path.chmod(0o770)),
        lambda path: path.symlink_to(path.parent, target_is_directory=True),
        pytest.param(lambda path: (path.mkdir(mode=0o700), os.chown(path, 65534, 65534)), marks=as_root),
    ],
    ids=["readable", "writable", "link", "another's"],
)
def test_a_folder_that_others_made_or_may_enter_is_refused(system, spoil):
    spoil(system / "hpbandster_ng")
    with pytest.raises(CredentialsError, match=r"hpbandster_ng is not safe for secrets: .*XDG_RUNTIME_DIR"):
        make_runtime_folder()
    with pytest.raises(CredentialsError, match="is not safe for secrets"):
        Access("run").look(1234)


def test_without_a_folder_of_the_system_there_is_one_for_temporary_files(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "missing"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert make_runtime_folder() == tmp_path / f"hpbandster_ng-{os.getuid()}"


# Finding it


def test_the_secret_is_found_by_the_runs_name_in_either_place(system, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    with pytest.raises(MissingCredentialsError, match=r"no credentials of run_id='run' in any of .*HPB_run_run_1234"):
        Access("run").look(1234)
    write_credentials(credentials_path(shared, "run"), "here", 1234, SECRET)
    assert Access("run", shared).look(1234) == SECRET
    write_credentials(runtime_path(make_runtime_folder(), "run", 1235), "here", 1235, mint())
    assert Access("run", shared).look(1235) == Access("run").look(1235) != SECRET
    with pytest.raises(MissingCredentialsError):
        Access("other", shared).look(1234)
    assert Access("run", shared, insecure=True).look(1234) is None


def test_a_secret_that_was_replaced_is_found_and_one_that_is_gone_remembered(system):
    path = runtime_path(make_runtime_folder(), "run", 1234)
    write_credentials(path, "here", 1234, SECRET)
    access = Access("run")
    first = access.look(1234)
    assert access.look(1234) is first
    write_credentials(path, "here", 1234, successor := mint())
    assert access.look(1234) == access.secret == successor
    path.unlink()
    assert access.look(1234) == successor


# Whatever is in the file


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.dictionaries(st.sampled_from(["host", "port", "authority", "certificate", "key"]), VALUES)
GOOD = {"host": "here", "port": 1, "authority": SECRET.authority, "certificate": SECRET.certificate, "key": SECRET.key}


def secret_or_error_of_ours(path, content):
    path.touch(mode=0o600)
    path.write_bytes(content)
    with contextlib.suppress(LogError, CredentialsError):
        secret = read_secret(path)
        if secret is not None:
            secret.check()


quickly = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quickly
@given(
    content=st.binary() | FIELDS.map(json.dumps).map(str.encode) | FIELDS.map(lambda f: json.dumps(GOOD | f).encode())
)
def test_whatever_is_in_the_file_is_a_secret_or_an_error_of_ours(tmp_path, content):
    secret_or_error_of_ours(tmp_path / "credentials.json", content)


@quickly
@given(position=st.integers(0, len(json.dumps(GOOD)) - 1), byte=st.integers(0, 255))
def test_a_byte_that_has_changed_makes_no_difference_or_is_an_error_of_ours(tmp_path, position, byte):
    content = bytearray(json.dumps(GOOD).encode())
    content[position] = byte
    secret_or_error_of_ours(tmp_path / "credentials.json", bytes(content))
