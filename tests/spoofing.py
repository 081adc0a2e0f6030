"""UDP packets with sources that are not the sender's own, and which of them arrive."""

import subprocess
from collections.abc import Sequence

PORT = 7007
LISTEN_S_MAX = 30.0
LISTEN = """
import socket
s = socket.socket(socket.{family}, socket.SOCK_DGRAM)
s.settimeout({patience_s})
s.bind(("{address}", {port}))
print("up", flush=True)
heard = ""
while heard != "{last}":
    heard = s.recvfrom(100)[1][0]
    print(heard, flush=True)
"""
SEND = """
import socket
level, transparent = {{"AF_INET": (socket.IPPROTO_IP, 19), "AF_INET6": (socket.IPPROTO_IPV6, 75)}}["{family}"]
for source in {sources}:
    s = socket.socket(socket.{family}, socket.SOCK_DGRAM)
    s.setsockopt(level, transparent, 1)
    s.bind((source, 0))
    s.sendto(b"x", ("{address}", {port}))
"""


def heard_sources(sender: str, listener: str, address: str, sources: Sequence[str]) -> list[str]:
    """Sources of the packets that arrive at an address of the listener, of one packet from each source, in order.

    Sender and listener are namespaces. The last source must get through: the others had their chance before it.
    """
    family = "AF_INET6" if ":" in address else "AF_INET"
    words = {"family": family, "address": address, "port": PORT, "last": sources[-1], "sources": list(sources)}
    listen = LISTEN.format(patience_s=LISTEN_S_MAX, **words)
    process = subprocess.Popen(_inside(listener, listen), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        subprocess.run(_inside(sender, SEND.format(**words)), check=True, timeout=LISTEN_S_MAX)
        out, _ = process.communicate(timeout=LISTEN_S_MAX)
        return out.split()
    finally:
        process.kill()
        process.communicate()


def _inside(netns: str, code: str) -> list[str]:
    return ["ip", "netns", "exec", netns, "python3", "-c", code]
