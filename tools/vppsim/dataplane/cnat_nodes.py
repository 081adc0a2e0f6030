"""cnat on the packet path: what happens to packets of interfaces that have the feature.

The order is that of VPP's arcs. Coming in, before the FIB is asked: lookup (find the session or open one), input (DNAT,
then policies). Going out, after the neighbour is known: output (policies, then SNAT), writeback (the session for the
answers). The first packet of a flow decides for all of them, also that nothing is to be done. A flow whose first packet
never reached writeback has no session for its answers, and never gets one.

VPP counts how often the feature was enabled and runs its nodes as often: the second lookup finds the session that the
first opened, takes the flow for a known one, and nothing is decided for it.
"""

from collections.abc import Callable

from tools.vppsim.cnat.five_tuple import HEADER, WITH_PORTS, FiveTuple, five_tuple_of
from tools.vppsim.cnat.hooks import Hook
from tools.vppsim.cnat.sessions import CnatSession
from tools.vppsim.cnat.snat import POD
from tools.vppsim.cnat.translations import NO_NAT, NO_RETURN_SESSION
from tools.vppsim.dataplane.rewrite import rewrite
from tools.vppsim.fib.lookup import LookupResult
from tools.vppsim.packets.headers import ICMP, TCP
from tools.vppsim.state.interfaces import Interface
from tools.vppsim.state.packet import CnatMetadata, IpPacket
from tools.vppsim.state.state import VppState

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
AGE_CLOSED_S = 5


class CnatNodes:
    """`forward(packet, result)` takes packets whose way does not depend on their destination."""

    def __init__(self, state: VppState, forward: Callable[[IpPacket, LookupResult], None]) -> None:
        self._state, self._cnat, self._forward = state, state.cnat, forward

    def input(self, packet: IpPacket, interface: Interface) -> bool:
        """Lookup and input. False: the packet has been dropped or forwarded; True: the FIB is to be asked."""
        times = self._cnat.features.get(interface.index)
        five = five_tuple_of(packet.data) if times else None
        if five is None:
            return True
        metadata = self._lookup((five, interface.tables[packet.family]), interface.index)
        if metadata is None:
            return True
        packet.cnat, session = metadata, metadata.session
        if metadata.is_return:
            self._translate(packet, session, session.return_input)
            return True
        if metadata.is_new and times == 1:
            self._decide_input(packet, session, interface.index)
        else:
            metadata.is_new = False
            self._translate(packet, session, None if session.no_nat else session.input)
        return self._goes_on(packet, session)

    def output(self, packet: IpPacket, interface: Interface) -> bool:
        """Output and writeback. False: the packet is dropped."""
        times, metadata = self._cnat.features.get(interface.index), packet.cnat
        if not times or metadata is None:
            return True
        session = metadata.session
        if metadata.is_return:
            self._translate(packet, session, session.return_output)
            return True
        if not metadata.is_new:
            self._translate(packet, session, session.output)
            return not self._dropped(session.drop_output, "drop_cnat_output")
        for _ in range(times):
            self._decide_output(packet, metadata, interface.index)
            if self._dropped(session.drop_output, "drop_cnat_output"):
                return False
        metadata.is_new = False
        session_ended = not metadata.no_return and not self._cnat.sessions.expect_answers(
            session, interface.tables[packet.family]
        )
        return not self._dropped(session_ended, "drop_cnat_session_gone")

    def _lookup(self, key: tuple[FiveTuple, int], rx: int) -> CnatMetadata | None:
        now = int(self._state.now())
        match = self._cnat.sessions.find(key, now)
        if match is not None:
            return CnatMetadata(match[0], rx, is_return=match[1])
        session = self._cnat.sessions.begin(key, now)
        return CnatMetadata(session, rx, is_new=True) if session else None

    def _decide_input(self, packet: IpPacket, session: CnatSession, rx: int) -> None:
        self._dnat(packet, session, rx)
        if session.drop_input:
            return
        if not session.no_nat:
            self._translate(packet, session, session.input)
        if not _allowed(self._cnat.policy_hooks.input, packet, rx):
            session.drop_input, session.input = True, None

    def _dnat(self, packet: IpPacket, session: CnatSession, rx: int) -> None:
        """Virtual addresses count in every VRF; with NO_NAT their backend is looked up in FIB 0."""
        first = session.first
        if packet.protocol not in WITH_PORTS:
            return
        port = int.from_bytes(first.destination_port)
        translation = self._cnat.translations.find(first.destination, port, first.protocol)
        if translation is None:
            return
        tracker = translation.choose(packet.data)
        to = tracker.backend.destination if tracker else None
        if tracker is None or to is None or len(to.address) != len(first.destination):
            session.drop_input = True
            return
        session.tracker = tracker
        session.input = first.with_destination(to.address, to.port.to_bytes(2) if to.port else first.destination_port)
        session.no_nat = bool(tracker.flags & NO_NAT) and not self._is_pod(rx)
        self._cnat.translations.clients[first.destination].sessions += 1
        if not translation.flags & NO_RETURN_SESSION:
            session.return_output = first.reversed()
        elif packet.cnat is not None:
            packet.cnat.no_return = True

    def _is_pod(self, if_index: int) -> bool:
        settings = self._cnat.snat.settings
        return settings is not None and if_index in settings.tables[POD]

    def _goes_on(self, packet: IpPacket, session: CnatSession) -> bool:
        if self._dropped(session.drop_input, "drop_cnat_input"):
            return False
        if not session.no_nat or session.tracker is None:
            return True
        backend = session.tracker.backend.destination.address
        self._forward(packet, self._state.lookup.load_balance(packet.family, 0, backend)[0][1])
        return False

    def _decide_output(self, packet: IpPacket, metadata: CnatMetadata, tx: int) -> None:
        if not _allowed(self._cnat.policy_hooks.output, packet, tx):
            metadata.session.drop_output, metadata.session.output = True, None
            return
        flow = five_tuple_of(packet.data)
        interface = self._state.interfaces.get(metadata.rx)
        settings = self._cnat.snat.settings_for(packet.family, interface.tables[packet.family] if interface else 0)
        if flow is None or settings is None or not settings.translates(flow, metadata.rx, tx):
            return
        source = settings.addresses[packet.family]
        port = settings.ports.take(flow.protocol) if settings.ports and any(source) else None
        if port is None:
            self._state.count("cnat_no_address" if not any(source) else "cnat_no_more_free_ports")
            metadata.session.drop_output = True
            return
        self._source_nat(packet, metadata.session, flow, source, port)

    def _source_nat(self, packet: IpPacket, session: CnatSession, flow: FiveTuple, source: bytes, port: int) -> None:
        """VPP gives a ping one identifier for IPv4 only: answers to ICMPv6 echoes find no session."""
        to = flow.with_source(source, port.to_bytes(2))
        if flow.protocol == ICMP:
            to = FiveTuple(to.addresses + port.to_bytes(2) * 2, ICMP)
        session.port, session.output, session.return_input = port, to, flow.reversed()
        self._translate(packet, session, to)

    def _translate(self, packet: IpPacket, session: CnatSession, to: FiveTuple | None) -> None:
        """VPP follows TCP only where it translates: other connections live as short as UDP."""
        if to is None:
            return
        rewrite(packet, to)
        at = HEADER[packet.family] + 13
        if packet.protocol == TCP and at < len(packet.data):
            flags = packet.data[at]
            if flags & (FIN | RST):
                session.lifetime = AGE_CLOSED_S
            if flags & SYN and flags & ACK:
                session.lifetime = self._cnat.settings.tcp_max_age

    def _dropped(self, dropped: bool, why: str) -> bool:
        if dropped:
            self._state.count(why)
        return dropped


def _allowed(hook: Hook | None, packet: IpPacket, if_index: int) -> bool:
    flow = five_tuple_of(packet.data) if hook else None
    return hook is None or flow is None or hook(flow.flow(), if_index)
