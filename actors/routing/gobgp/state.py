"""What gobgpd should hold, and what it holds, as plain data."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class BgpGlobal:
    """BGP of this node (gobgpd: StartBgp)."""

    asn: int
    router_id: str  # dotted quad, also on nodes without IPv4
    listen_port: int = 179
    listen_addresses: tuple[str, ...] = ()


_HOLD_DEFAULT_S = 90
_CONNECT_RETRY_DEFAULT_S = 120


@dataclass(frozen=True, kw_only=True)
class BgpTimers:
    """Timers of a session, seconds; 0: gobgpd's default.

    The idle hold time is missing: gobgpd 3.10 shows it, but ignores what its API is told.

    Connecting is tried again soon: gobgpd's default is 120 s, and it adds as much again by chance. A first try during
    the takeover of a node's uplink would cost minutes.
    """

    hold_s: int = 0
    keepalive_s: int = 0
    connect_retry_s: int = 5

    def with_defaults(self) -> "BgpTimers":
        """With gobgpd's defaults filled in, as gobgpd shows them."""
        hold = self.hold_s or _HOLD_DEFAULT_S
        return BgpTimers(
            hold_s=hold,
            keepalive_s=self.keepalive_s or hold // 3,
            connect_retry_s=self.connect_retry_s or _CONNECT_RETRY_DEFAULT_S,
        )


@dataclass(frozen=True, kw_only=True)
class BgpPeerConfig:
    """A BGP session to be configured. It carries the unicast prefixes of its own address's family."""

    address: str
    asn: int
    local_address: str = ""
    port: int = 179
    restart_s: int = 120  # graceful restart time that we offer; 0: the hold time
    timers: BgpTimers = BgpTimers()

    @property
    def ip_version(self) -> int:
        return 6 if ":" in self.address else 4


@dataclass(frozen=True, kw_only=True)
class BgpPeerState:
    """A session as gobgpd shows it."""

    address: str
    asn: int
    local_address: str = ""  # while the session is up: the one in use
    port: int = 179
    restart_s: int = 120
    timers: BgpTimers = BgpTimers()
    state: str = "idle"
    end_of_rib: bool = False  # the peer has sent all its routes since the session came up
    received: int = 0  # routes


@dataclass
class DesiredBgp:
    """What gobgpd should hold. `paths`: prefix -> our next hop; `blocks`: prefixes advertised whole."""

    bgp: BgpGlobal
    peers: dict[str, BgpPeerConfig] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    blocks: frozenset[str] = frozenset()


@dataclass
class ObservedBgp:
    """What gobgpd holds. `bgp` None: not started. `blocks` None: our export policy is not in place."""

    bgp: BgpGlobal | None = None
    peers: dict[str, BgpPeerState] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    blocks: frozenset[str] | None = None
