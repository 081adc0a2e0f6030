"""Pings at a steady rate until its input ends, and accounts for every packet. Runs inside a namespace.

`python -m tools.lab.traffic.ping_sender ADDRESS [--every SECONDS] [--tell]`: prints one line of JSON at the end:
`{"sent", "received", "lost", "longest_gap_ms", "first_reply_ms"}`. A gap is the time between two replies, or from the
last one to the last packet that was lost: silence at the end counts, too, and so does silence at the start.
"""

import argparse
import json
import os
import select
import socket
import struct
import sys
import time

ECHO = {4: (8, 0), 6: (128, 129)}  # RFC 792, RFC 4443
LAST_REPLY_S = 1.0
SEQUENCES = 1 << 16


class Pinger:
    """One target."""

    def __init__(self, address: str) -> None:
        self.version = 6 if ":" in address else 4
        family = socket.AF_INET6 if self.version == 6 else socket.AF_INET
        protocol = socket.IPPROTO_ICMPV6 if self.version == 6 else socket.IPPROTO_ICMP
        self.socket = socket.socket(family, socket.SOCK_RAW, protocol)
        self.socket.setblocking(False)
        self.target = (address, 0, 0, 0) if self.version == 6 else (address, 0)
        self.identity = os.getpid() & 0xFFFF
        self.transmitted = 0
        self.open: set[int] = set()
        self.received = 0
        self.last_reply = self.first_sent = self.last_sent = 0.0
        self.longest_gap = 0.0
        self.first_reply: float | None = None

    def send(self) -> None:
        request, _ = ECHO[self.version]
        sequence = self.transmitted % SEQUENCES
        head = struct.pack("!BBHHH", request, 0, 0, self.identity, sequence)
        if self.version == 4:
            head = struct.pack("!BBHHH", request, 0, _checksum(head), self.identity, sequence)
        self.last_sent = time.monotonic()
        self.first_sent = self.first_sent or self.last_sent
        self.transmitted += 1
        self.open.add(sequence)
        try:
            self.socket.sendto(head, self.target)
        except OSError:
            return  # no route, no buffer: the packet counts as sent and lost

    def read(self) -> None:
        while True:
            try:
                data = self.socket.recv(2048)
            except OSError:
                return
            message = data[(data[0] & 0xF) * 4 :] if self.version == 4 else data
            kind, _, _, identity, sequence = struct.unpack_from("!BBHHH", message)
            if kind == ECHO[self.version][1] and identity == self.identity and sequence in self.open:
                self._reply(sequence)

    def _reply(self, sequence: int) -> None:
        now = time.monotonic()
        self.open.discard(sequence)
        self.received += 1
        self.first_reply = self.first_reply or now
        self.longest_gap = max(self.longest_gap, now - (self.last_reply or self.first_sent))
        self.last_reply = now

    def report(self) -> dict[str, float | int | None]:
        if (self.transmitted - 1) % SEQUENCES in self.open:  # the last one was lost
            self.longest_gap = max(self.longest_gap, self.last_sent - (self.last_reply or self.first_sent))
        first = None if self.first_reply is None else round((self.first_reply - self.first_sent) * 1000, 1)
        return {
            "sent": self.transmitted,
            "received": self.received,
            "lost": self.transmitted - self.received,
            "longest_gap_ms": round(self.longest_gap * 1000, 1),
            "first_reply_ms": first,
        }


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def main() -> int:
    """Until the input ends; then waits for the last replies."""
    parser = argparse.ArgumentParser(prog="python -m tools.lab.traffic.ping_sender", description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--every", type=float, default=0.02, help="seconds (default: 0.02)")
    parser.add_argument("--tell", action="store_true", help="print a line when the first packet has been sent")
    options = parser.parse_args()
    pinger = Pinger(options.address)
    next_at, stop_at = time.monotonic(), float("inf")
    while time.monotonic() < stop_at and (stop_at == float("inf") or pinger.open):
        now = time.monotonic()
        if stop_at == float("inf") and now >= next_at:
            pinger.send()
            if options.tell and pinger.transmitted == 1:
                sys.stdout.write("pinging\n")
                sys.stdout.flush()
            next_at += options.every
        inputs = [pinger.socket] + ([sys.stdin] if stop_at == float("inf") else [])
        ready, _, _ = select.select(inputs, [], [], max(0.0, min(next_at - time.monotonic(), 0.05)))
        if sys.stdin in ready and not os.read(0, 4096):
            stop_at = time.monotonic() + LAST_REPLY_S
        pinger.read()
    sys.stdout.write(json.dumps(pinger.report()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
