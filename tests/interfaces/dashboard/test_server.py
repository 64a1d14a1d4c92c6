"""The dashboard over real HTTP: who is let in, what is answered, and how it ends."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("prometheus_client")

from hpbandster_ng.engine.events import OpenIteration, RunDescribed
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.interfaces.dashboard import application, desk
from hpbandster_ng.interfaces.dashboard.desk import Desk
from hpbandster_ng.interfaces.dashboard.places import Directories
from hpbandster_ng.interfaces.dashboard.server import DashboardServer
from hpbandster_ng.storage.journal import JournalStorage
from tests.interfaces.dashboard.logs import HOSTILE, hostile_events, job, life, run_bohb, success, write
from tests.interfaces.dashboard.serving import commanded, serving
from tests.waiting import wait_until


class Client:
    """Speaks to a server as a program would, or as a browser that somebody has led astray."""

    def __init__(self, address):
        self.server = address

    def ask(self, path, method="GET", **headers):
        """Status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def get(self, path, status=200):
        found, _, body = self.ask(path, Authorization=f"Bearer {self.server.token}")
        assert found == status, body
        return body

    def json(self, path):
        return json.loads(self.get(path))

    @property
    def keys(self):
        return {run["name"]: run["key"] for run in self.json("/api/runs")["runs"]}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Of a server with a finished run and a hostile one."""
    folder = tmp_path_factory.mktemp("runs")
    run_bohb(f"journal:{folder}/first", tmp_path_factory.mktemp("work"))
    write(folder / "hostile", hostile_events())
    with commanded("--directory", folder) as (_, address):
        client = Client(address)
        for key in client.keys.values():
            wait_until(lambda key=key: client.json(f"/api/runs/{key}/overview")["phase"] == "live", "all is read")
        yield client


# Who is let in


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/api/runs", "/metrics", "/nothing"])
def test_without_the_token_nothing_is_answered(client, path):
    for more in ("", "?token=", "?token=wrong"):
        status, headers, body = client.ask(path + more)
        assert (status, body) == (401, b"The dashboard needs its token; use the address that it printed.\n")
        assert "Set-Cookie" not in headers
    assert client.ask(path, Authorization="Bearer wrong", Cookie="hpbandster_ng_dashboard=x")[0] == 401


def test_the_address_with_the_token_sets_a_cookie_that_scripts_and_other_sites_do_not_get(client):
    status, headers, body = client.ask(f"/?token={client.server.token}")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"<script" in body
    cookie = headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert client.ask("/api/runs", Cookie=cookie.partition(";")[0])[0] == 200


def test_a_host_name_of_somebody_else_is_refused_even_with_the_token(client):
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example"):
        status, _, body = client.ask(f"/?token={client.server.token}", Host=host)
        assert (status, body.count(b"\n")) == (421, 1)
    for host in ("localhost:9000", "127.0.0.1", "[::1]:1"):
        assert client.ask(f"/?token={client.server.token}", Host=host)[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_it_can_only_be_looked_at(client, method):
    status, headers, body = client.ask(f"/api/runs?token={client.server.token}", method)
    assert (status, body) == (405, b"The dashboard can only be looked at.\n")
    assert not [name for name in headers if name.startswith("Access-Control")]


def test_head_is_answered_without_a_body(client):
    assert client.ask(f"/?token={client.server.token}", "HEAD")[::2] == (200, b"")


def test_every_answer_makes_browsers_careful(client):
    for path in ("/", f"/?token={client.server.token}", f"/api/none?token={client.server.token}"):
        _, headers, _ = client.ask(path)
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"


# What is answered


@pytest.mark.parametrize("part", ["overview", *desk._PARTS, "importance"])
def test_every_part_of_every_run_is_answered(client, part):
    for key in client.keys.values():
        answer = client.json(f"/api/runs/{key}/{part}?id=0-0-0")
        assert answer["version"]
        assert (answer["phase"], answer["message"]) == ("live", "")
        assert answer["data"]


def test_the_same_question_is_answered_from_memory_until_the_run_changes(client):
    key = client.keys["first"]
    assert client.get(f"/api/runs/{key}/losses") == client.get(f"/api/runs/{key}/losses")


@pytest.mark.parametrize(("path", "status"), [
    ("/api/runs/none/overview", 404),
    ("/api/runs/none/events", 404),
    ("/api/runs/{key}/none", 404),
    ("/api/runs/{key}/configuration?id=9-9-9", 404),
    ("/api/runs/{key}/configuration?id=../../etc/passwd", 404),
    ("/api/runs/{key}/table?first=x", 400),
    ("/api/runs/{key}/table?first=1e400", 400),
    ("/api/runs/{key}/brackets?last=nan", 400),
    ("/api/compare/{key}/none", 404),
    ("/static/../desk.py", 404),
    ("/static/%2e%2e/desk.py", 404),
    ("/none", 404),
])  # fmt: skip
def test_what_is_not_there_is_one_plain_line(client, path, status):
    body = client.get(path.format(key=client.keys["first"]), status)
    assert body.count(b"\n") == 1
    assert b"Traceback" not in body


def test_two_runs_are_compared(client):
    keys = client.keys
    found = client.json(f"/api/compare/{keys['first']}/{keys['hostile']}")["data"]
    assert [run["state"] for run in found["runs"]] == ["finished", "finished"]


def test_metrics_of_all_runs(client):
    from prometheus_client.parser import text_string_to_metric_families

    body = client.get("/metrics").decode()
    samples = [sample for family in text_string_to_metric_families(body) for sample in family.samples]
    names = {(sample.name, sample.labels["run_id"]): sample.value for sample in samples}
    assert names["hpbandster_incumbent_loss", "hostile"] == 0.0
    assert names["hpbandster_iterations_total", "first"] == 3


def test_metrics_of_runs_of_one_name(tmp_path):
    places = [tmp_path / seed / "run" for seed in "ab"]
    for number, place in enumerate(places, start=1):
        write(place, [RunDescribed(0.0, "run", {}), *(OpenIteration(1.0, index) for index in range(number))])
    with serving(Directories(places)) as address:
        client = Client(address)
        for run in client.json("/api/runs")["runs"]:
            path = f"/api/runs/{run['key']}/overview"
            wait_until(lambda path=path: client.json(path)["phase"] == "live", "all is read")
        lines = client.get("/metrics").decode().splitlines()
    told = {line for line in lines if line.startswith("hpbandster_iterations_total{")}
    assert told == {
        f'hpbandster_iterations_total{{place="{place}",run_id="run"}} {number}.0'
        for number, place in enumerate(places, start=1)
    }


def test_the_page_and_all_it_needs_is_served(client):
    page = client.get("/").decode()
    for path in ("style.css", "main.js", "theme.js", "vendor/echarts.min.js", "icon.svg", "views/overview.js"):
        assert client.get(f"/static/{path}")
    assert "http:" not in page
    assert "https:" not in page
    assert HOSTILE not in page


def test_a_fault_of_ours_is_one_line_to_the_browser_and_all_of_it_in_the_log(tmp_path, monkeypatch, caplog):
    def fail(view, query):
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setitem(desk._PARTS, "errors", fail)
    write(tmp_path / "run", life(job(0), success(0.5)))
    with serving(Directories([tmp_path / "run"])) as address:
        client = Client(address)
        body = client.get(f"/api/runs/{client.keys['run']}/errors", 500)
    assert body == b"The dashboard failed here; its log tells more.\n"
    assert "a fault of ours" in caplog.text


def test_changes_come_as_a_stream(tmp_path):
    storage = JournalStorage(tmp_path / "run")
    storage.open()
    storage.append(life(job(0), success(0.5)))
    with serving(Directories([tmp_path / "run"])) as server:
        client = Client(server)
        (key,) = client.keys.values()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", f"/api/runs/{key}/events", headers={"Authorization": f"Bearer {server.token}"})
            answer = connection.getresponse()
            assert answer.headers["Content-Type"].startswith("text/event-stream")

            def next_change():
                while not (line := answer.readline()).startswith(b"data: "):
                    assert line, "the stream should not end"
                return json.loads(line[6:])

            while next_change()["phase"] != "live":
                pass
            version = client.json(f"/api/runs/{key}/overview")["version"]
            storage.append(life(job(1), success(0.25)))
            while (told := next_change()["version"]) == version:
                pass
            answer_version = client.json(f"/api/runs/{key}/overview")["version"]
            assert told != version
            assert answer_version >= told
    storage.close()


# Beginning and end


def test_a_port_that_is_taken_is_told_with_the_next_that_is_free():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidArgumentError, match=rf"port={port} is taken .*; use --port \d+"):
            DashboardServer(None, "127.0.0.1", port).__enter__()


def test_a_host_that_is_not_here_is_told():
    with pytest.raises(InvalidArgumentError, match=r"host='203.0.113.1' must be an address of this machine"):
        DashboardServer(None, "203.0.113.1", 0).__enter__()


def test_it_ends_though_somebody_listens_to_a_stream(tmp_path):
    write(tmp_path / "run", life(job(0), success(0.5)))
    before = threading.active_count()
    with serving(Directories([tmp_path / "run"])) as server:
        client = Client(server)
        (key,) = client.keys.values()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("GET", f"/api/runs/{key}/events", headers={"Authorization": f"Bearer {server.token}"})
        connection.getresponse().readline()
    connection.close()
    wait_until(lambda: threading.active_count() <= before, "all threads have ended")


def test_two_dashboards_have_two_tokens_and_two_cookies(tmp_path):
    with Desk(Directories([tmp_path])) as one:
        first, second = DashboardServer(one, "127.0.0.1", 0), DashboardServer(one, "127.0.0.1", 0)
        assert first.token != second.token
        assert len(first.token) >= 32
    assert application.application(one, "t", "127.0.0.1", "c", lambda: False)
