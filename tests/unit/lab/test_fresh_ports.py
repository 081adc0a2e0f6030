"""Source ports of probes."""

import socket

from tools.lab.traffic.agent.ports import AGENT_LANE, LANES, LOAD_LANE, PORTS, FreshPorts


def test_a_port_does_not_come_again_before_half_of_all_have_come() -> None:
    ports = FreshPorts(AGENT_LANE)
    order = [ports.take() for _ in range(len(PORTS) // LANES)]
    assert len(set(order)) == len(order)


def test_processes_side_by_side_share_no_port() -> None:
    agent, load = FreshPorts(AGENT_LANE), FreshPorts(LOAD_LANE)
    assert not {agent.take() for _ in range(5000)} & {load.take() for _ in range(5000)}


def test_a_port_that_is_taken_is_passed_over() -> None:
    ports, twin = FreshPorts(AGENT_LANE), FreshPorts(AGENT_LANE)
    with (
        ports.bind_socket(socket.SOCK_STREAM, "127.0.0.1") as first,
        twin.bind_socket(socket.SOCK_STREAM, "127.0.0.1") as second,
    ):
        assert first.getsockname()[1] != second.getsockname()[1]
