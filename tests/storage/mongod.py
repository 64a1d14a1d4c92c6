"""A MongoDB server of one's own, in a directory of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pymongo

from tests.waiting import wait_until

VARIABLE = "HPBANDSTER_MONGOD"
"""Of the environment: where the program is, if it is not on the PATH."""


def find_mongod():
    """The server's program, or None."""
    return shutil.which(os.environ.get(VARIABLE, "mongod"))


class Mongod:
    """A server on a free port of the loopback interface; its data outlive a stop.

    Attributes:
        host: with the port.
    """

    def __init__(self, program, *options):
        self.directory = Path(tempfile.mkdtemp(prefix="hpbandster_mongod_"))
        (self.directory / "data").mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self._command = [program, "--dbpath", self.directory / "data", "--port", str(self.port), *options]
        self._command += ["--bind_ip", "127.0.0.1", "--unixSocketPrefix", self.directory]
        self._command += ["--logpath", self.directory / "log", "--logappend", "--wiredTigerCacheSizeGB", "0.25"]
        self._process = None

    def start(self):
        """Returns when it answers."""
        self._process = subprocess.Popen([str(part) for part in self._command], stdout=subprocess.DEVNULL)
        self.ask("ping")

    def ask(self, command, value=1):
        """The answer to a command to its database ``admin``."""
        with pymongo.MongoClient(f"mongodb://{self.host}/?directConnection=true") as client:
            return client.admin.command(command, value)

    def become_replica_set(self):
        """Of this server alone; it was started with ``--replSet``."""
        self.ask("replSetInitiate", {"_id": "set", "members": [{"_id": 0, "host": self.host}]})
        wait_until(lambda: self.ask("hello")["isWritablePrimary"], "the server is the primary of its replica set")

    def kill(self):
        """As a crash would."""
        self._process.kill()
        self._process.wait()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.directory)
