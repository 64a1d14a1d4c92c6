from __future__ import annotations

import json
import threading

import pytest

from hpbandster_ng.backends.pyro.credentials import (
    check_run_id,
    check_shared_directory,
    credentials_path,
    read_credentials,
    write_credentials,
)
from hpbandster_ng.errors import InvalidArgumentError, LogError


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
