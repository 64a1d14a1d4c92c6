"""Strangers who come in crowds, in a process of their own: loopback only, so many at a time, until they are killed."""

from __future__ import annotations

import argparse
import os
import resource
import selectors
import socket
import ssl
import struct
import sys


def client_hello():
    """The first message of a handshake of TLS."""
    context = ssl.create_default_context()
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a handshake needs an answer")


HELLO = client_hello()
MESSAGES = {
    "silent": lambda: b"",
    "half-open": lambda: HELLO,
    "half a hello": lambda: HELLO[:40],
    "garbage": lambda: os.urandom(4096),
    "oversized": lambda: struct.pack("!4sHHHHiHHHH", b"PYRO", 48, 1, 0, 0, 2**31 - 1, 1, 0, 0, 0) + b"x" * 65536,
    "oversized record": lambda: b"\x16\x03\x01\xff\xff" + b"x" * 65536,
}


def come(address, kind, selector):
    sock = socket.create_connection(address, 30.0)
    sock.setblocking(False)
    try:
        sock.send(MESSAGES[kind]())
    except OSError:
        sock.close()
    else:
        selector.register(sock, selectors.EVENT_READ)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=MESSAGES)
    parser.add_argument("ports", type=int, nargs="+")
    parser.add_argument("--count", type=int, default=500)
    args = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, 8192), limit))
    addresses = [("127.0.0.1", port) for port in args.ports]
    selector = selectors.DefaultSelector()
    for _ in range(args.count):
        for address in addresses:
            come(address, args.kind, selector)
    sys.stdout.write("all are there\n")
    sys.stdout.flush()
    while True:
        for key, _ in selector.select(0.1):
            sock = key.fileobj
            address = sock.getpeername() if is_open(sock) else None
            if address is None:
                selector.unregister(sock)
                sock.close()
        missing = args.count * len(addresses) - len(selector.get_map())
        for i in range(min(missing, 50)):  # whoever was sent away comes again, 500 of them a second
            come(addresses[i % len(addresses)], args.kind, selector)


def is_open(sock):
    try:
        return bool(sock.recv(65536))
    except BlockingIOError:
        return True
    except OSError:
        return False


if __name__ == "__main__":
    main()
