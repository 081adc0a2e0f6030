"""Listening sockets, on the machine's loopback or inside a named network namespace.

A socket belongs for ever to the namespace it was made in, so one process serves kubectl on the machine and
the lab's nodes in theirs. The server has no authentication: outside a namespace it takes loopback only.
"""

import ipaddress
import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class ListenAddress:
    """Where to listen; `netns` is "" for the namespace of the process."""

    address: str
    port: int
    netns: str = ""


def parse_listen(text: str) -> ListenAddress:
    """`ADDRESS:PORT`, IPv6 as `[ADDRESS]:PORT`; raises ValueError, also when it is not a loopback address."""
    listen = address_and_port(text)
    if not ipaddress.ip_address(listen.address).is_loopback:
        raise ValueError(f"{text}: only loopback addresses outside a network namespace (no authentication)")
    return listen


def parse_listen_netns(text: str) -> ListenAddress:
    """`NAMESPACE:ADDRESS:PORT`; raises ValueError."""
    netns, _, address = text.partition(":")
    if not netns or not address:
        raise ValueError(f"{text}: expected NAMESPACE:ADDRESS:PORT")
    listen = address_and_port(address)
    return ListenAddress(listen.address, listen.port, netns)


def address_and_port(text: str) -> ListenAddress:
    """The two halves of `ADDRESS:PORT`."""
    address, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{text}: expected ADDRESS:PORT")
    return ListenAddress(str(ipaddress.ip_address(address.removeprefix("[").removesuffix("]"))), int(port))


def open_socket(listen: ListenAddress) -> socket.socket:
    """A listening socket. Call it on the main thread: the namespace of the thread changes meanwhile."""
    if not listen.netns:
        return listening_socket(listen)
    from pyroute2 import netns  # only a server with namespaces pays for this import

    with open("/proc/self/ns/net") as home:
        netns.setns(listen.netns)
        try:
            return listening_socket(listen)
        finally:
            netns.setns(home.fileno())


def listening_socket(listen: ListenAddress) -> socket.socket:
    """A listening socket in the current namespace."""
    family = socket.AF_INET6 if ":" in listen.address else socket.AF_INET
    return socket.create_server((listen.address, listen.port), family=family, backlog=512)


def url(opened: socket.socket) -> str:
    """The URL of a listening socket, with the port that port 0 became."""
    address, port = opened.getsockname()[:2]
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
