"""The SCTP packets of probes, against RFC 9260."""

import pytest

from tools.lab.traffic.agent import sctp
from tools.lab.traffic.agent.sctp import SctpPacket

INIT = SctpPacket(40000, 80, 0, sctp.INIT, 0x12345678)


def test_crc32c_has_its_published_check_value() -> None:
    assert sctp.crc32c(b"123456789") == 0xE3069283


@pytest.mark.parametrize(
    "packet",
    [
        INIT,
        SctpPacket(80, 40000, 0x12345678, sctp.INIT_ACK, 7, b"x/a 10.48.0.1 40000\n"),
        SctpPacket(80, 40000, 0x12345678, sctp.ABORT),
    ],
    ids=["INIT", "INIT ACK", "ABORT"],
)
def test_a_packet_is_read_as_it_was_written(packet: SctpPacket) -> None:
    assert sctp.decode(sctp.encode(packet)) == packet


def test_an_init_is_the_bytes_of_the_rfc() -> None:
    data = sctp.encode(INIT)
    assert data[:8].hex() == "9c40005000000000"
    assert data[12:].hex() == "01000014" + "12345678" + "00010000" + "00010001" + "12345678"


@pytest.mark.parametrize("cut", [b"", sctp.encode(INIT)[:12], sctp.encode(INIT)[:-1], sctp.encode(INIT) + b"x"])
def test_what_is_cut_or_changed_is_dropped(cut: bytes) -> None:
    assert sctp.decode(cut) is None


def test_a_flipped_bit_is_seen_by_the_checksum() -> None:
    data = bytearray(sctp.encode(INIT))
    data[20] ^= 1
    assert sctp.decode(bytes(data)) is None
