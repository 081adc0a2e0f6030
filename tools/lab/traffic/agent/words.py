"""The questions to a probe agent and its answers. Pure."""

from msgspec import Struct

ANSWERED, REFUSED, RESET, SILENT, UNREACHABLE = "answered", "refused", "reset", "silent", "unreachable"
TCP, UDP, SCTP, ICMP = "TCP", "UDP", "SCTP", "ICMP"


class Probe(Struct, frozen=True):
    """One flow to be tried; `port` is not looked at for ICMP, `source_port` 0 means one not used lately."""

    protocol: str
    address: str
    port: int = 0
    source_port: int = 0


class Batch(Struct, frozen=True):
    """Probes made at the same time.

    The batch ends when all are answered, or when nothing was answered for `quiet_ms`, or after `timeout_ms`. So a
    busy machine does not make a slow answer look like silence, while silence costs `quiet_ms` once.
    """

    probes: list[Probe]
    quiet_ms: int = 400
    timeout_ms: int = 5000


class ProbeAnswer(Struct, frozen=True):
    """The outcome of a probe: one of the words above, or the kernel's error.

    `by` is the name of the agent that answered, `seen_address` and `seen_port` are the prober's
    source as that agent saw it; all three are empty for ICMP.
    """

    outcome: str
    by: str = ""
    seen_address: str = ""
    seen_port: int = 0
    ms: float = 0.0

    @property
    def ok(self) -> bool:
        return self.outcome == ANSWERED

    @property
    def answerer_or_outcome(self) -> str:
        """The agent that answered; if none did, the outcome."""
        return self.by or self.outcome


def encode_answer(name: str, address: str, port: int) -> bytes:
    """A serving agent's line: its name, and the prober's source as it sees it."""
    return f"{name} {plain_address(address)} {port}\n".encode()


def decode_answer(line: bytes, ms: float) -> ProbeAnswer:
    """The answer in such a line. Raises ValueError."""
    name, address, port = line.decode().split("\n")[0].split(" ")
    return ProbeAnswer(ANSWERED, name, address, int(port), ms)


def plain_address(address: str) -> str:
    """An IPv4 address that was mapped into IPv6 as itself; a scope is cut off."""
    return address.removeprefix("::ffff:").partition("%")[0]
