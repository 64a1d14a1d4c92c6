"""Several hosts on one machine: network namespaces on a bridge that lives in a namespace of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_FILES = Path("/etc/netns")
"""Where iproute2 looks for them."""


def _ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class Hosts:
    """Hosts with the addresses 10.78.0.1 and up.

    Args:
        count: how many.
    """

    def __init__(self, count):
        self._prefix = f"hpb{os.getpid()}"
        self._made = []
        self.addresses = [f"10.78.0.{i + 1}" for i in range(count)]

    def start(self):
        if shutil.which("ip") is None:
            pytest.skip("needs iproute2 (apt-get install iproute2)")
        try:
            self._namespace(self._hub)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"needs the right to make network namespaces: {error.stderr.decode().strip()}")
        _ip("-n", self._hub, "link", "add", "br0", "type", "bridge")
        _ip("-n", self._hub, "link", "set", "br0", "up")
        for number, address in enumerate(self.addresses):
            host = self._namespace(self._name(number))
            _ip("-n", self._hub, "link", "add", f"p{number}", "type", "veth", "peer", "name", "eth0", "netns", host)
            _ip("-n", self._hub, "link", "set", f"p{number}", "master", "br0", "up")
            _ip("-n", host, "addr", "add", f"{address}/24", "dev", "eth0")
            _ip("-n", host, "link", "set", "eth0", "up")
            _ip("-n", host, "link", "set", "lo", "up")

    def command(self, number, *command):
        """What runs a command on a host."""
        return ["ip", "netns", "exec", self._name(number), *map(str, command)]

    def connect(self, number, is_connected):
        """Cut a host off, or let it back; the bridge goes on without it."""
        _ip("-n", self._hub, "link", "set", f"p{number}", "up" if is_connected else "down")

    def ip(self, number, *arguments):
        """Change a host's network."""
        _ip("-n", self._name(number), *arguments)

    def write(self, number, name, text):
        """A file that a host has in its /etc in place of the machine's."""
        folder = _FILES / self._name(number)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)

    def stop(self):
        while self._made:
            name = self._made.pop()
            _ip("netns", "del", name)
            shutil.rmtree(_FILES / name, ignore_errors=True)

    @property
    def _hub(self):
        return f"{self._prefix}-hub"

    def _name(self, number):
        return f"{self._prefix}-{number}"

    def _namespace(self, name):
        _ip("netns", "add", name)
        self._made.append(name)
        return name
