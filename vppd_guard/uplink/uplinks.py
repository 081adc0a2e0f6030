"""The configured uplinks, each with its driver. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from schemas.config import NodeConfig, UplinkSpec
from schemas.facts import UplinkFact as UplinkFact
from vppd_guard.drivers.driver import UplinkDriver
from vppd_guard.drivers.machine import HostMachine
from vppd_guard.drivers.names import uplink_intent_name
from vppd_guard.linux import captured as shape
from vppd_guard.linux.captured import CapturedLink, LinuxRoute
from vppd_guard.linux.tap_plan import TapPlan
from vppd_guard.undo.records import UplinkCapturedRecord
from vppd_guard.uplink.desired import DesiredUplink, host_tap_name
from vppd_guard.uplink.host_routes import host_routes_to_vpp


@dataclass(frozen=True, kw_only=True)
class DrivenUplink:
    """An uplink with its driver, on its way to VPP or there."""

    target: DesiredUplink
    driver: UplinkDriver
    answered: tuple[str, ...] = ()  # addresses that answered by it in Linux, or since then through VPP
    tap_index: int = 0  # of the host tap that was made as captured: what others change on that one is followed
    unseen: frozenset[LinuxRoute] = frozenset()  # routes that the tap was told and never had, comparable

    @property
    def name(self) -> str:
        """Name in Linux."""
        return self.target.name

    @property
    def captured(self) -> CapturedLink:
        """The link as Linux had it."""
        return self.target.captured

    @property
    def answered_through_vpp(self) -> tuple[str, ...]:
        """Of these, those that must answer through VPP."""
        return tuple(address for address in self.answered if not shape.is_link_local_address(address))

    @property
    def answered_beside_vpp(self) -> tuple[str, ...]:
        """Of these, the link-local gateways: no router forwards to such an address, so they are asked on the wire."""
        return tuple(address for address in self.answered if shape.is_link_local_address(address))

    @property
    def record(self) -> UplinkCapturedRecord:
        """The record for the undo journal."""
        return UplinkCapturedRecord(
            self.captured, driver=self.driver.name, answered=self.answered, tap_index=self.tap_index
        )

    def with_answers(self, answered: Iterable[str]) -> "DrivenUplink":
        """A copy with the addresses that answered."""
        return replace(self, answered=tuple(sorted(answered)))

    def with_capture(self, captured: CapturedLink) -> "DrivenUplink":
        """A copy with a newer state of Linux's side, which has been followed."""
        mtu = _mtu(captured, self.target.spec, self.driver)
        return replace(self, target=replace(self.target, captured=captured, mtu=mtu))

    def tap_plan(self, vpp_prefixes: Collection[str] = (), *, mtu: int, vpp_prefixes_are_known: bool = True) -> TapPlan:
        """Linux's side of its tap. `vpp_prefixes`: it leads to these too. `mtu`: the smallest of all uplinks."""
        return TapPlan(
            captured=self.captured,
            mtu=self.target.mtu,
            vpp_mac=self.target.tap_mac,
            vpp_routes=host_routes_to_vpp(self.captured, vpp_prefixes, mtu),
            vpp_routes_are_known=vpp_prefixes_are_known,
        )


def driven_uplink(
    captured: CapturedLink,
    spec: UplinkSpec,
    number: int,
    driver: UplinkDriver,
    config: NodeConfig,
    machine: HostMachine,
) -> DrivenUplink:
    """An uplink of the configuration. `number`: its place there, 0 is the main one's."""
    target = DesiredUplink(
        captured=captured,
        spec=spec,
        interface=driver.interface_intent(captured, spec, config, machine),
        rx_mode=driver.rx_mode(spec),
        mtu=_mtu(captured, spec, driver),
        number=number,
    )
    return DrivenUplink(target=target, driver=driver)


def _mtu(captured: CapturedLink, spec: UplinkSpec, driver: UplinkDriver) -> int:
    size = spec.mtu or captured.mtu
    return min(size, driver.mtu_max) if driver.mtu_max else size


def uplinks_main_first(specs: Sequence[UplinkSpec]) -> list[UplinkSpec]:
    """The uplinks in the order of their numbers: the main one first, which is the first one if none is marked."""
    return sorted(specs, key=lambda spec: not spec.isMain)


def uplink_probe_targets(captured: CapturedLink, config: NodeConfig, *, main: bool) -> list[str]:
    """Addresses whose answers show that the uplink forwards: its gateways, and for the main one the configured ones."""
    gateways = [shape.link_default_gateway(captured, 4), shape.link_default_gateway(captured, 6)]
    more = config.probe_addresses if main else ()
    return list(dict.fromkeys(address for address in (*gateways, *more) if address))


def uplink_fact(uplink: DrivenUplink, state: str, reason: str, *, main: bool) -> UplinkFact:
    """The fact for all other processes. `state`: linux | taking | running."""
    captured, target = uplink.captured, uplink.target
    return UplinkFact(
        state=state,
        is_main=main,
        mtu=target.mtu,
        interface=uplink_intent_name(uplink.name),
        host_tap=host_tap_name(uplink.name),
        addresses=tuple(shape.link_host_addresses(captured)),
        next_hop4=shape.host_next_hop_to_vpp(captured, 4),
        next_hop6=shape.host_next_hop_to_vpp(captured, 6),
        driver=uplink.driver.name,
        physical_network=target.spec.physicalNetworkName,
        table=target.table,
        pods_table=target.pods_table,
        reason=reason,
    )
