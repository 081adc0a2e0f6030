"""What is asked of an agent and what it answers. Pure."""

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


class Answer(Struct, frozen=True):
    """What became of a probe: `outcome` is one of the words above, or what the kernel said.

    `by` is the name of the agent that answered, `seen` and `seen_port` what the prober looked like from there; all
    three are empty for ICMP.
    """

    outcome: str
    by: str = ""
    seen: str = ""
    seen_port: int = 0
    ms: float = 0.0

    @property
    def ok(self) -> bool:
        return self.outcome == ANSWERED


def told(name: str, address: str, port: int) -> bytes:
    """What a serving agent says: its name, and how it sees the prober."""
    return f"{name} {plain(address)} {port}\n".encode()


def heard(line: bytes, ms: float) -> Answer:
    """The same, read. Raises ValueError."""
    name, address, port = line.decode().split("\n")[0].split(" ")
    return Answer(ANSWERED, name, address, int(port), ms)


def plain(address: str) -> str:
    """An IPv4 address that was mapped into IPv6 as itself; a scope is cut off."""
    return address.removeprefix("::ffff:").partition("%")[0]
