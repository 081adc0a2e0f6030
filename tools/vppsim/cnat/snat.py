"""Source NAT: which flows get a new source, and the settings that decide it (VPP: cnat_snat_policy.c).

There is one set of settings, for FIB 0, and with USE_AS_DEFAULT for all others. Its addresses come first: before them
everything else is refused. VPP's traps are here too: tables of interfaces survive the interfaces (an index that is used
again is in the tables of its former interface); all prefixes are forgotten when the last interface leaves INCLUDE_V4;
deleted settings stay in use, but have no ports any more.
"""

from dataclasses import dataclass, field
from enum import IntEnum

from tools.vppsim.cnat.five_tuple import FiveTuple
from tools.vppsim.cnat.ports import PortPool
from tools.vppsim.fib.table import masked
from tools.vppsim.retvals import VnetError, VppRefused

INCLUDE_V4, INCLUDE_V6, POD, HOST = range(4)
USE_AS_DEFAULT = 4
INCLUDED = {4: INCLUDE_V4, 6: INCLUDE_V6}


class SnatPolicy(IntEnum):
    """cnat_snat_policies; VPP accepts the last, for which the API has no name."""

    NONE = 0
    IF_PFX = 1
    K8S = 2
    DNAT = 3
    DNAT_ONLY = 4


@dataclass
class SnatSettings:
    """Settings made by the API. `tables`: sw_if_indices by table. `excluded`: prefixes (address, length) without source
    NAT.

    `ready` is VPP's "initialized": without it no interface is included. `interfaces`: the sw_if_index given with the
    addresses of each family, else 0. `listed`: the settings were not deleted.
    """

    policy: SnatPolicy = SnatPolicy.NONE
    addresses: dict[int, bytes] = field(default_factory=lambda: {4: bytes(4), 6: bytes(16)})
    interfaces: dict[int, int] = field(default_factory=lambda: {4: 0, 6: 0})
    tables: tuple[set[int], ...] = field(default_factory=lambda: (set(), set(), set(), set()))
    excluded: set[tuple[bytes, int]] = field(default_factory=set)
    ready: bool = False
    ports: PortPool | None = field(default_factory=PortPool)
    listed: bool = True

    def translates(self, flow: FiveTuple, rx: int, tx: int) -> bool:
        """Does a new flow that came in by `rx` and leaves by `tx`, its destination translated, get a new source?"""
        if self.policy is SnatPolicy.K8S:
            return self._k8s(flow, rx, tx)
        if self.policy is SnatPolicy.IF_PFX:
            return self._from_included(flow, rx)
        return self.policy in (SnatPolicy.NONE, SnatPolicy.DNAT)

    def _k8s(self, flow: FiveTuple, rx: int, tx: int) -> bool:
        if tx in self.tables[HOST]:
            return False
        if self._from_included(flow, rx):
            return True
        if rx not in self.tables[POD] and tx not in self.tables[POD]:
            return flow.source != self.addresses[flow.family]
        # VPP compares IPv4 addresses, for IPv6 that is the last four bytes of each
        return flow.source[-4:] == flow.destination[-4:]

    def _from_included(self, flow: FiveTuple, rx: int) -> bool:
        included = self.ready and rx in self.tables[INCLUDED[flow.family]]
        return included and not self._excludes(flow.destination)

    def _excludes(self, address: bytes) -> bool:
        return any(len(known) == len(address) and masked(address, n) == known for known, n in self.excluded)

    def initialize(self) -> None:
        """VPP's initialization before anything is added: prefixes of deleted settings go."""
        if not self.ready:
            self.excluded.clear()
            self.ready = True


class Snat:
    """The settings. All but `set_addresses` raises VppRefused(FEATURE_DISABLED) while there are none."""

    def __init__(self) -> None:
        self.settings: SnatSettings | None = None
        self._default = False
        self._families: set[int] = set()

    def settings_for(self, family: int, table_id: int) -> SnatSettings | None:
        """The settings for flows of a family in a table."""
        in_fib_0 = table_id == 0 and family in self._families
        return self.settings if in_fib_0 or self._default else None

    @property
    def current(self) -> SnatSettings:
        """The settings that API calls change."""
        settings = self.settings_for(4, 0) or self.settings_for(6, 0)
        if settings is None:
            raise VppRefused(VnetError.FEATURE_DISABLED)
        return settings

    def set_addresses(self, ip4: bytes, ip6: bytes, interface: int, flags: int) -> None:
        """Create the settings, or change the families that are not zero; both zero: delete."""
        addresses = {4: ip4, 6: ip6}
        if not any(ip4) and not any(ip6):
            self._delete()
            return
        settings = self.settings_for(4, 0) or self.settings_for(6, 0)
        if settings is None:
            settings = self.settings = SnatSettings()
            self._default = bool(flags & USE_AS_DEFAULT)
        for family, address in addresses.items():
            if any(address):
                settings.addresses[family], settings.interfaces[family] = address, interface
                self._families.add(family)

    def _delete(self) -> None:
        settings = self.current
        settings.listed, settings.ready, settings.ports = False, False, None
        settings.excluded.clear()
        for table in settings.tables:
            table.clear()
        self._families.clear()

    def set_policy(self, policy: int) -> None:
        """Raises VppRefused(INVALID_VALUE) too."""
        settings = self.current
        if policy not in SnatPolicy._value2member_map_:
            raise VppRefused(VnetError.INVALID_VALUE)
        settings.policy = SnatPolicy(policy)

    def set_interface(self, if_index: int, table: int, is_add: bool) -> None:
        """Raises VppRefused(INVALID_VALUE) too."""
        if table not in range(4):
            raise VppRefused(VnetError.INVALID_VALUE)
        settings = self.current
        if is_add:
            settings.initialize()
            settings.tables[table].add(if_index)
        elif settings.ready:
            settings.tables[table].discard(if_index)
            settings.ready = table != INCLUDE_V4 or bool(settings.tables[INCLUDE_V4])

    def set_excluded(self, address: bytes, length: int, is_add: bool) -> None:
        """Exempt a prefix from source NAT or no longer; a prefix added twice is deleted at once."""
        settings = self.current
        prefix = masked(address, length), length
        if is_add:
            settings.initialize()
            settings.excluded.add(prefix)
        elif settings.ready:
            settings.excluded.discard(prefix)
