"""Intents for VPP's npol plugin: IP sets, policies of rules, and the policies of each interface.

"rx" is what VPP receives on the interface, "tx" what it sends there: a pod's egress is rx, its ingress tx.
Facts and traps: docs/vppsim.md; VPP: src/plugins/npol/npol.api.
"""

from msgspec import Struct

from schemas.intent_base import Intent

NPOL_RULE_ACTIONS = ("allow", "deny", "pass")  # pass: go on with the profiles
NPOL_DEFAULT_ACTIONS = ("allow", "deny", "pass")
NPOL_SET_TYPES = ("ip", "ip-port", "net")


class IpSetIntent(Intent, frozen=True, tag="ip-set"):
    """A named set that rules match against (VPP: npol_ipset_create, npol_ipset_add_del_members).

    `members`, sorted, each once: "10.0.0.1" (ip), "10.0.0.1,6,80": address, protocol number, port (ip-port),
    "10.0.0.0/24" without host bits (net). An "ip-port" set may only grow: VPP's removal takes others with it,
    so a set that loses a member gets another name.
    """

    name: str  # name of the set
    type: str  # ip | ip-port | net
    members: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return ip_set_intent_key(self.name)


class RuleEntityMatch(Struct, frozen=True, omit_defaults=True, gc=False):
    """What one side (source or destination) of a packet must be like.

    Addresses: in one of `nets` (if any are given) and in one of `sets` (if any). Ports: in one of the inclusive
    ranges `ports`, or (address, protocol, port) in one of `port_sets`; either is enough.
    """

    nets: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()  # names of ip or net sets
    ports: tuple[tuple[int, int], ...] = ()
    port_sets: tuple[str, ...] = ()  # names of ip-port sets


NO_CRITERIA = RuleEntityMatch()


def ip_set_piece_name(name: str, number: int, count: int) -> str:
    """Of a piece of the set `name`, which is too large for one row; a rule names all of them."""
    return f"{name}#{number}/{count}"


def ip_set_of_piece(name: str) -> str:
    """The set that a set is a piece of; of one that is whole itself."""
    return name.partition("#")[0]


class PolicyRule(Struct, frozen=True, omit_defaults=True, gc=False):
    """One rule: all that is given must hold; of the `not_` matches no single entry may.

    Without any criterion it matches everything, of both families.
    """

    action: str  # allow | deny | pass
    protocol: int | None = None  # IP protocol number
    not_protocol: int | None = None  # IP protocol number
    source: RuleEntityMatch = NO_CRITERIA  # where the packet comes from
    destination: RuleEntityMatch = NO_CRITERIA  # where it goes
    not_source: RuleEntityMatch = NO_CRITERIA  # where it may not come from
    not_destination: RuleEntityMatch = NO_CRITERIA  # where it may not go


class PolicyIntent(Intent, frozen=True, tag="policy"):
    """Rules in order, of each direction (VPP: npol_rule_create, npol_policy_create)."""

    name: str  # name of the policy
    rx: tuple[PolicyRule, ...] = ()  # for packets that VPP receives
    tx: tuple[PolicyRule, ...] = ()  # for packets that VPP sends

    @property
    def key(self) -> str:
        return policy_intent_key(self.name)


class InterfacePoliciesIntent(Intent, frozen=True, tag="interface-policies"):
    """The policies of an interface (VPP: npol_configure_policies). Without it everything passes.

    Policies (by name) are asked in order; a packet that none decides gets the default: "allow", "deny", or "pass": the
    profiles are asked, then their default. `invert`: the world is behind the interface, not a workload.
    """

    interface: str
    rx: tuple[str, ...] = ()  # names of policies, in order
    tx: tuple[str, ...] = ()  # names of policies, in order
    profiles: tuple[str, ...] = ()  # names of policies, in order, both directions
    rx_default: str = "deny"  # allow | deny | pass
    tx_default: str = "deny"  # allow | deny | pass
    rx_profile_default: str = "deny"  # allow | deny | pass
    tx_profile_default: str = "deny"  # allow | deny | pass
    invert: bool = False

    @property
    def key(self) -> str:
        return interface_policies_intent_key(self.interface)


def ip_set_intent_key(name: str) -> str:
    """Key of the IP set called `name`."""
    return f"ip-set/{name}"


def policy_intent_key(name: str) -> str:
    """Key of the policy called `name`."""
    return f"policy/{name}"


def interface_policies_intent_key(interface: str) -> str:
    """Key of the interface's policies."""
    return f"interface-policies/{interface}"
