"""Sends or receives a number of bytes over TCP, with a checksum. Runs inside a namespace.

`python -m tools.lab.traffic.transfer_peer receive PORT` prints `ready`, then `{"bytes", "sha256", "seconds"}`;
`python -m tools.lab.traffic.transfer_peer send ADDRESS PORT BYTES` prints `{"sha256"}`.
"""

import argparse
import hashlib
import json
import os
import socket
import sys
import time

CHUNK = 1 << 16
PATIENCE_S = 60.0


def receive(port: int) -> dict[str, object]:
    """Takes one connection to its end."""
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        server.settimeout(PATIENCE_S)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        connection, _ = server.accept()
    digest, count, started = hashlib.sha256(), 0, time.monotonic()
    with connection:
        connection.settimeout(PATIENCE_S)
        while data := connection.recv(CHUNK):
            digest.update(data)
            count += len(data)
    return {"bytes": count, "sha256": digest.hexdigest(), "seconds": round(time.monotonic() - started, 3)}


def send(address: str, port: int, count: int) -> dict[str, object]:
    """Sends `count` random bytes."""
    digest = hashlib.sha256()
    with socket.create_connection((address, port), timeout=PATIENCE_S) as connection:
        while count > 0:
            data = os.urandom(min(CHUNK, count))
            digest.update(data)
            connection.sendall(data)
            count -= len(data)
    return {"sha256": digest.hexdigest()}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.lab.traffic.transfer_peer", description=__doc__)
    sides = parser.add_subparsers(dest="side", required=True)
    side = sides.add_parser("receive")
    side.add_argument("port", type=int)
    side = sides.add_parser("send")
    side.add_argument("address")
    side.add_argument("port", type=int)
    side.add_argument("bytes", type=int)
    options = parser.parse_args()
    result = receive(options.port) if options.side == "receive" else send(options.address, options.port, options.bytes)
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
