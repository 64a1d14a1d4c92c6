from __future__ import annotations

import socket
import threading

import netifaces
import pytest

from hpbandster_ng.backends.pyro.access import Access
from hpbandster_ng.backends.pyro.credentials import credentials_path, read_credentials, write_credentials
from hpbandster_ng.backends.pyro.nameserver import locate_nameserver
from hpbandster_ng.core.nameserver import NameServer, nic_name_to_host
from hpbandster_ng.errors import HpbandsterError, InvalidArgumentError, MasterExistsError, NameServerError
from hpbandster_ng.utils import start_local_nameserver


def own_threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(("hpbandster", "house"))]


def test_it_tells_where_it_listens_and_answers_there():
    nameserver = NameServer("run", host="127.0.0.1", port=0)
    host, port = nameserver.start()
    assert (host, port) == (nameserver.host, nameserver.port) == nameserver.start()
    with locate_nameserver(host, port, 0, Access("run")) as proxy:
        proxy.ping()
    nameserver.shutdown()
    nameserver.shutdown()
    with pytest.raises(NameServerError, match="no nameserver answers"):
        locate_nameserver(host, port, 0, Access("run"))
    assert own_threads() == []


def test_the_arguments_keep_the_predecessors_order(tmp_path):
    nameserver = NameServer("run", tmp_path, "127.0.0.1", None, None)
    assert (nameserver.dir, nameserver.host, nameserver.port) == (tmp_path, "127.0.0.1", 9090)


def test_an_interface_gives_its_address():
    assert NameServer("run", nic_name="lo").host == nic_name_to_host("lo") == "127.0.0.1"


def test_an_unknown_interface_lists_the_known_ones():
    with pytest.raises(InvalidArgumentError) as error:
        nic_name_to_host("nope0")
    assert "nic_name='nope0'" in str(error.value)
    for interface in netifaces.interfaces():
        assert interface in str(error.value)


def test_an_interface_without_any_address_is_refused(monkeypatch):
    monkeypatch.setattr(netifaces, "ifaddresses", lambda name: {})
    with pytest.raises(InvalidArgumentError, match="must have an address"):
        nic_name_to_host("lo")


def test_an_interface_with_an_ipv6_address_only(monkeypatch):
    monkeypatch.setattr(netifaces, "ifaddresses", lambda name: {netifaces.AF_INET6: [{"addr": "::1"}]})
    assert nic_name_to_host("lo") == "::1"


def test_the_credentials_file_is_there_while_the_nameserver_is(tmp_path):
    with NameServer("run", tmp_path, port=0) as nameserver:
        path = credentials_path(tmp_path, "run")
        assert read_credentials(path) == (nameserver.host, nameserver.port)
    assert list(tmp_path.iterdir()) == []


def test_the_credentials_of_a_successor_are_left_alone(tmp_path):
    path = credentials_path(tmp_path, "run")
    with NameServer("run", tmp_path, port=0):
        write_credentials(path, "elsewhere", 1)
    assert read_credentials(path) == ("elsewhere", 1)


def test_a_credentials_file_that_someone_has_removed_does_no_harm(tmp_path):
    with NameServer("run", tmp_path, port=0):
        credentials_path(tmp_path, "run").unlink()


def test_a_directory_that_cannot_be_written_is_one_error_and_nothing_runs(tmp_path, monkeypatch):
    def fail(*args):
        raise PermissionError("read-only")

    monkeypatch.setattr("hpbandster_ng.core.nameserver.write_credentials", fail)
    with pytest.raises(NameServerError, match=r"cannot write the credentials file into working_directory=.*read-only"):
        NameServer("run", tmp_path, port=0).start()
    assert own_threads() == []


def test_a_port_that_is_taken_is_one_error_and_nothing_runs(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NameServerError, match=f"port={port}.*another one may be running there"):
            NameServer("run", tmp_path, port=port).start()
    assert own_threads() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"run_id": "a/b"}, ["run_id='a/b'", "slash"]),
        ({"run_id": ""}, ["run_id=''"]),
        ({"run_id": "a", "working_directory": "/no/such"}, ["working_directory='/no/such'", "existing directory"]),
        ({"run_id": "a", "nic_name": "nope0"}, ["nic_name='nope0'", "lo"]),
        ({"run_id": "a", "port": 65536}, ["port=65536", "65535"]),
        ({"run_id": "a", "port": "9090"}, ["port='9090'"]),
        ({"run_id": "a", "host": "203.0.113.1"}, ["host='203.0.113.1'"]),
        ({"run_id": "a", "host": "no-such-host.invalid"}, ["host='no-such-host.invalid'"]),
        ({"run_id": "a", "host": "x" * 100}, ["host='xxx"]),
    ],
)
def test_bad_input_is_one_error_that_names_it(arguments, words):
    with pytest.raises(HpbandsterError) as error:
        NameServer(**arguments).start()
    for word in words:
        assert word in str(error.value)
    assert own_threads() == []


def test_a_local_nameserver_of_the_predecessors_helper(monkeypatch):
    started = []
    start = NameServer.start
    monkeypatch.setattr(NameServer, "start", lambda self: (started.append(self), start(self))[1])
    host, port = start_local_nameserver()
    with locate_nameserver(host, port, 0, Access("local")) as proxy:
        proxy.ping()
    started[0].shutdown()


def test_a_second_nameserver_of_a_living_run_is_refused_and_the_file_stays(tmp_path):
    with NameServer("run", tmp_path, port=0) as first:
        before = credentials_path(tmp_path, "run").read_text()
        with pytest.raises(
            MasterExistsError, match=rf"run_id='run' has a living nameserver already, at .*:{first.port}"
        ):
            NameServer("run", tmp_path, port=0).start()
        assert credentials_path(tmp_path, "run").read_text() == before


def test_a_file_left_over_from_a_dead_nameserver_is_replaced(tmp_path):
    with NameServer("run", port=0) as dead:
        pass
    write_credentials(credentials_path(tmp_path, "run"), "127.0.0.1", dead.port)
    with NameServer("run", tmp_path, port=0) as nameserver:
        assert read_credentials(credentials_path(tmp_path, "run")) == ("127.0.0.1", nameserver.port)
