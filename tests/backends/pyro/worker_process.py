"""A worker in a process of its own, started by the tests, which does what configurations say."""

from __future__ import annotations

import sys

from hpbandster_ng.core.worker import Worker
from hpbandster_ng.testing.evaluations import Acts


class ActingWorker(Acts, Worker):
    pass


if __name__ == "__main__":
    ActingWorker(sys.argv[1], nameserver_port=int(sys.argv[2])).run()
