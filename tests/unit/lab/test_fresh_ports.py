"""Source ports of probes."""

import socket

from tools.lab.agent.ports import PORTS, FreshPorts


def test_every_port_comes_once_before_any_comes_again() -> None:
    ports = FreshPorts()
    assert {ports.take() for _ in PORTS} == set(PORTS)


def test_a_port_that_is_taken_is_passed_over() -> None:
    ports, twin = FreshPorts(), FreshPorts()
    twin.__dict__.update(ports.__dict__)
    with ports.bound(socket.SOCK_STREAM, "127.0.0.1") as first, twin.bound(socket.SOCK_STREAM, "127.0.0.1") as second:
        assert first.getsockname()[1] != second.getsockname()[1]
