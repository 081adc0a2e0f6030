"""The API server as a process: handshake, several clients, rubbish, events, death."""

import socket
import struct

import pytest

from tests.processes.vppsim.process import Simulator
from tests.waiting import until
from tools.vppsim.api.catalogue import Catalogue
from tools.vppsim.api.client import HEADER

CATALOGUE = Catalogue()


class Raw:
    """A client that writes bytes."""

    def __init__(self, simulator: Simulator) -> None:
        until(lambda: simulator.socket.exists() and "ready" in simulator.log, "the stand-in is ready")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(5)
        self.socket.connect(str(simulator.socket))

    def send(self, message: bytes) -> None:
        self.socket.sendall(HEADER.pack(0, len(message), 0) + message)

    def call(self, name: str, /, **fields: object) -> None:
        self.send(CATALOGUE.encode(name, fields))

    def receive(self) -> bytes:
        _, length, _ = HEADER.unpack(self._exactly(HEADER.size))
        return self._exactly(length)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = self.socket.recv(size - len(data))
            assert chunk, "the stand-in hung up"
            data += chunk
        return data

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def ping(client: Raw, context: int = 5) -> int:
    """The context that comes back."""
    client.call("control_ping", context=context)
    reply: int = CATALOGUE.decode("control_ping_reply", client.receive()).context
    return reply


def test_a_client_gets_the_table_of_messages(simulator: Simulator) -> None:
    with Raw(simulator) as client:
        client.call("sockclnt_create", context=7, name="me")
        reply = CATALOGUE.decode("sockclnt_create_reply", client.receive())
        table = {entry.name: entry.index for entry in reply.message_table}
        assert (reply.context, reply.response) == (7, 0)
        assert table["control_ping_51077d14"] == CATALOGUE.ids["control_ping"]


@pytest.mark.parametrize("rubbish", [b"", b"\x00", struct.pack(">H", 9999), struct.pack(">H", 0xFFFF) + bytes(100)])
def test_unknown_messages_are_ignored(simulator: Simulator, rubbish: bytes) -> None:
    with Raw(simulator) as client:
        client.send(rubbish)
        assert ping(client) == 5


@pytest.mark.parametrize("name", ["ip_route_add_del", "tap_create_v3", "sw_interface_set_flags"])
def test_messages_cut_short_are_ignored(simulator: Simulator, name: str) -> None:
    with Raw(simulator) as client:
        whole = CATALOGUE.encode(name, {})
        client.send(whole[:11])
        assert ping(client) == 5


def test_a_length_beyond_reason_costs_the_client_its_connection_only(simulator: Simulator) -> None:
    with Raw(simulator) as mad, Raw(simulator) as sane:
        mad.socket.sendall(HEADER.pack(0, 0xFFFFFFFF, 0))
        assert mad.socket.recv(1) == b""
        assert ping(sane) == 5


def test_messages_may_come_in_any_pieces(simulator: Simulator) -> None:
    with Raw(simulator) as client:
        message = CATALOGUE.encode("control_ping", {"context": 1})
        stream = (HEADER.pack(0, len(message), 0) + message) * 3
        for byte in stream:
            client.socket.send(bytes([byte]))
        for _ in range(3):
            assert CATALOGUE.decode("control_ping_reply", client.receive()).context == 1


def test_answers_come_in_order_and_to_whom_asked(simulator: Simulator) -> None:
    with Raw(simulator) as first, Raw(simulator) as second:
        for context in range(1, 300):
            first.call("control_ping", context=context)
        assert ping(second, 999) == 999
        for context in range(1, 300):
            assert CATALOGUE.decode("control_ping_reply", first.receive()).context == context


def test_details_come_before_the_ping_that_follows_a_dump(simulator: Simulator) -> None:
    with Raw(simulator) as client:
        client.call("ip_table_dump", context=1)
        client.call("control_ping", context=2)
        ids = [struct.unpack_from(">H", client.receive())[0] for _ in range(3)]
        assert [CATALOGUE.names[number] for number in ids] == ["ip_table_details"] * 2 + ["control_ping_reply"]


def test_a_big_dump_reaches_a_client_that_reads_late(simulator: Simulator) -> None:
    api = simulator.api
    for number in range(1, 1500):
        api.ip_table_add_del(is_add=True, table={"table_id": number})
    with Raw(simulator) as client:
        for _ in range(10):
            client.call("ip_table_dump", context=1)
        client.call("control_ping", context=2)
        assert simulator.api.control_ping().retval == 0
        names = [CATALOGUE.names[struct.unpack_from(">H", client.receive())[0]] for _ in range(15011)]
        assert names == ["ip_table_details"] * 15010 + ["control_ping_reply"]


def test_events_tell_of_links_going_up_and_away(simulator: Simulator) -> None:
    api, events = simulator.api, []
    simulator.listen(lambda name, event: events.append((int(event.flags), event.deleted)))
    loop = api.create_loopback().sw_if_index
    api.want_interface_events(enable_disable=1, pid=1)
    api.sw_interface_set_flags(sw_if_index=loop, flags=1)
    until(lambda: events == [(3, False)], "an event of the link going up")
    api.sw_interface_set_flags(sw_if_index=loop, flags=0)
    api.delete_loopback(sw_if_index=loop)
    until(lambda: events[-1] == (0, True), "an event of the link being gone")


def test_a_client_that_has_gone_is_forgotten(simulator: Simulator) -> None:
    with Raw(simulator) as client:
        client.call("want_interface_events", enable_disable=1, pid=1)
        client.receive()
    api = simulator.api
    loop = api.create_loopback().sw_if_index
    assert api.sw_interface_set_flags(sw_if_index=loop, flags=1).retval == 0


def test_it_stops_when_it_is_told_and_starts_again(simulator: Simulator) -> None:
    assert simulator.api.control_ping().retval == 0
    assert simulator.terminate() == 0
    assert not simulator.socket.exists()
    simulator.start()
    until(simulator.socket.exists, "the socket is there again")


def test_it_starts_over_the_remains_of_a_killed_life(simulator: Simulator) -> None:
    api = simulator.api
    api.create_loopback()
    simulator.kill()
    assert simulator.socket.exists()
    simulator.start()
    until(lambda: simulator.log.count(" ready ") == 2, "the next life is ready")
    assert [details.interface_name for details in simulator.api.sw_interface_dump()] == ["local0"]


def test_the_command_line_shows_what_there_is(simulator: Simulator) -> None:
    api = simulator.api
    loop = api.create_loopback().sw_if_index
    api.sw_interface_set_flags(sw_if_index=loop, flags=1)
    api.sw_interface_add_del_address(sw_if_index=loop, is_add=True, prefix="10.0.0.1/24")
    assert "loop0" in api.cli_inband(cmd="show interface").reply
    assert "10.0.0.0/24" in api.cli_inband(cmd="show ip fib").reply
    assert "not for production" in api.cli_inband(cmd="show version").reply
    assert "unknown input" in api.cli_inband(cmd="make coffee").reply
