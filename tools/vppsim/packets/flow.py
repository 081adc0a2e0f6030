"""The flow that a packet belongs to (VPP: cnat_5tuple_t)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flow:
    """`family` is 4 or 6, addresses are 4 or 16 bytes.

    An ICMP echo has its identifier as both ports. An ICMP error belongs to the flow of the packet it quotes, turned
    round. `protocol` is that of the flow.
    """

    family: int
    protocol: int
    source: bytes
    destination: bytes
    source_port: int
    destination_port: int
