"""Source NAT: which flows get a new source, and the settings that decide it (VPP: cnat_snat_policy.c).

There is one set of settings, for FIB 0, and with USE_AS_DEFAULT for all others. It begins with its addresses: before,
everything else is refused. What VPP does beside its plan is done here too: tables of interfaces survive the interfaces
(an index given again is in the tables of its forerunner); all prefixes are forgotten when the last interface leaves
INCLUDE_V4; settings that were deleted go on being used, but no port can be had any more.
"""

from dataclasses import dataclass, field
from enum import IntEnum

from tools.vppsim.cnat.five_tuple import FiveTuple
from tools.vppsim.cnat.ports import Ports
from tools.vppsim.fib.table import masked
from tools.vppsim.retvals import VnetError, VppRefused

INCLUDE_V4, INCLUDE_V6, POD, HOST = range(4)
USE_AS_DEFAULT = 4
INCLUDED = {4: INCLUDE_V4, 6: INCLUDE_V6}


class Policy(IntEnum):
    """cnat_snat_policies; the last is none of the API's names, but accepted."""

    NONE = 0
    IF_PFX = 1
    K8S = 2
    DNAT = 3
    DNAT_ONLY = 4


@dataclass
class Settings:
    """What the API told. `tables`: sw_if_indices by table. `excluded`: prefixes (address, length) without source NAT.

    `ready` is VPP's "initialized": without it no interface is included. `interfaces`: the sw_if_index given with the
    addresses of each family; 0 if none was given. `listed`: it was not deleted.
    """

    policy: Policy = Policy.NONE
    addresses: dict[int, bytes] = field(default_factory=lambda: {4: bytes(4), 6: bytes(16)})
    interfaces: dict[int, int] = field(default_factory=lambda: {4: 0, 6: 0})
    tables: tuple[set[int], ...] = field(default_factory=lambda: (set(), set(), set(), set()))
    excluded: set[tuple[bytes, int]] = field(default_factory=set)
    ready: bool = False
    ports: Ports | None = field(default_factory=Ports)
    listed: bool = True

    def wants(self, flow: FiveTuple, rx: int, tx: int) -> bool:
        """Does a new flow that came in by `rx` and leaves by `tx`, its destination translated, get a new source?"""
        if self.policy is Policy.K8S:
            return self._k8s(flow, rx, tx)
        if self.policy is Policy.IF_PFX:
            return self._from_included(flow, rx)
        return self.policy in (Policy.NONE, Policy.DNAT)

    def _k8s(self, flow: FiveTuple, rx: int, tx: int) -> bool:
        if tx in self.tables[HOST]:
            return False
        if self._from_included(flow, rx):
            return True
        if rx not in self.tables[POD] and tx not in self.tables[POD]:
            return flow.source != self.addresses[_family(flow)]
        # VPP compares IPv4 addresses, for IPv6 that is the last four bytes of each
        return flow.source[-4:] == flow.destination[-4:]

    def _from_included(self, flow: FiveTuple, rx: int) -> bool:
        included = self.ready and rx in self.tables[INCLUDED[_family(flow)]]
        return included and not self._excludes(flow.destination)

    def _excludes(self, address: bytes) -> bool:
        return any(len(known) == len(address) and masked(address, n) == known for known, n in self.excluded)

    def get_ready(self) -> None:
        """What VPP does before it adds anything: unless ready, begin without prefixes."""
        if not self.ready:
            self.excluded.clear()
            self.ready = True


def _family(flow: FiveTuple) -> int:
    return 4 if len(flow.ends) == 12 else 6


class Snat:
    """Settings by FIB and family; before there are some all but `set_addresses` raises VppRefused(FEATURE_DISABLED)."""

    def __init__(self) -> None:
        self.settings: Settings | None = None
        self._default = False
        self._families: set[int] = set()

    def of(self, family: int, table_id: int) -> Settings | None:
        """What holds for flows of a family in a table."""
        own = table_id == 0 and family in self._families
        return self.settings if own or self._default else None

    @property
    def current(self) -> Settings:
        """What the API's calls are about."""
        found = self.of(4, 0) or self.of(6, 0)
        if found is None:
            raise VppRefused(VnetError.FEATURE_DISABLED)
        return found

    def set_addresses(self, ip4: bytes, ip6: bytes, interface: int, flags: int) -> None:
        """Create, or change the families that are not zero; both zero: delete."""
        given = {4: ip4, 6: ip6}
        if not any(ip4) and not any(ip6):
            self._delete()
            return
        known = self.of(4, 0) or self.of(6, 0)
        if known is None:
            known = self.settings = Settings()
            self._default = bool(flags & USE_AS_DEFAULT)
        for family, address in given.items():
            if any(address):
                known.addresses[family], known.interfaces[family] = address, interface
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
        if policy not in Policy._value2member_map_:
            raise VppRefused(VnetError.INVALID_VALUE)
        settings.policy = Policy(policy)

    def set_interface(self, if_index: int, table: int, is_add: bool) -> None:
        """Raises VppRefused(INVALID_VALUE) too."""
        if table not in range(4):
            raise VppRefused(VnetError.INVALID_VALUE)
        settings = self.current
        if is_add:
            settings.get_ready()
            settings.tables[table].add(if_index)
        elif settings.ready:
            settings.tables[table].discard(if_index)
            settings.ready = table != INCLUDE_V4 or bool(settings.tables[INCLUDE_V4])

    def set_excluded(self, address: bytes, length: int, is_add: bool) -> None:
        """Adding twice and deleting once leaves nothing."""
        settings = self.current
        prefix = masked(address, length), length
        if is_add:
            settings.get_ready()
            settings.excluded.add(prefix)
        elif settings.ready:
            settings.excluded.discard(prefix)
