"""A nameserver and a dispatcher in a process of their own, with few file descriptors, for tests that trouble them."""

from __future__ import annotations

import argparse
import resource
import sys
import threading

from hpbandster_ng.core.dispatcher import Dispatcher
from hpbandster_ng.core.nameserver import NameServer


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run_id", required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--descriptors", type=int, default=1024)
    args = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (args.descriptors, args.descriptors))
    with NameServer(args.run_id, args.directory, port=0) as nameserver:
        dispatcher = Dispatcher(
            lambda job: None,
            args.run_id,
            nameserver_port=nameserver.port,
            queue_callback=lambda number: say(f"workers: {number}"),
        )
        threading.Thread(target=dispatcher.run, daemon=True).start()
        say("starts")
        threading.Event().wait()  # for the signal that ends it


if __name__ == "__main__":
    main()
