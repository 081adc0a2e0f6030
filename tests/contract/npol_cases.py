"""Cases of IP sets, policies and what holds on interfaces (VPP: npol plugin), read as VPP shows them to people."""

import re
from typing import Any

from schemas.cnat import CnatFeatureIntent
from schemas.npol import InterfacePoliciesIntent, IpSetIntent, PolicyIntent, PolicyRule, RuleEntityMatch
from tests.contract.machine import Vpp
from tests.contract.steps import LOOP, Case, Step

NUMBER_OF_OBJECT = re.compile(r"#\d+")


def lines(vpp: Vpp, listing: str) -> list[str]:
    """The lines of `show npol ...`, with what changes from time to time (the ids) left out."""
    return [line.strip() for line in NUMBER_OF_OBJECT.sub("", vpp.show(f"npol {listing}")).splitlines() if line.strip()]


def sets(vpp: Vpp) -> set[tuple[str, ...]]:
    """Each set as its type and its members."""
    rows = [line.strip("[]").split(";", 2)[1:] for line in lines(vpp, "ipsets")]
    return {(kind, *sorted(m for m in members.split(",") if m)) for kind, members in rows}


def interfaces(vpp: Vpp) -> str:
    return " ".join(lines(vpp, "interfaces")[1:])


def npol_state(vpp: Vpp) -> Any:
    """All that must not be left behind."""
    return lines(vpp, "ipsets"), lines(vpp, "rules"), lines(vpp, "policies verbose")


WEB = PolicyRule("allow", protocol=6, destination=RuleEntityMatch(ports=((80, 90),)))
SSH = PolicyRule(
    "deny", source=RuleEntityMatch(nets=("10.0.0.0/8",)), not_destination=RuleEntityMatch(ports=((22, 22),))
)
PODS = IpSetIntent("pods", "ip", ("10.0.0.1", "fd00::1"))
FROM_PODS = PolicyRule("allow", source=RuleEntityMatch(sets=("pods",)))
ON_LOOP = (LOOP, CnatFeatureIntent("loop/a"), PolicyIntent("p", tx=(WEB,)), PolicyIntent("q", rx=(SSH,)))
DENIES_RX, DENIES_TX = (f"{d}: {d}-policy-default:1 {d}-profile-default:1" for d in ("rx", "tx"))
SSH_SHOWN = "[policy] rx:[rule;deny][src==10.0.0.0/8,dst!=22,]"
WEB_SHOWN = "[policy] tx:[rule;allow][proto==TCP,dst==[80-90],]"
CASES: dict[str, Case] = {
    "IP sets": (
        IpSetIntent,
        (),
        sets,
        (
            Step((), set()),
            Step((PODS,), {("ip", "10.0.0.1", "fd00::1")}),
            Step((IpSetIntent("pods", "ip", ("10.0.0.2", "fd00::1")),), {("ip", "10.0.0.2", "fd00::1")}),
            Step((IpSetIntent("pods", "net", ("10.0.0.0/24", "fd00::/64")),), {("prefix", "10.0.0.0/24", "fd00::/64")}),
            Step(
                (IpSetIntent("ports", "ip-port", ("10.0.0.1,17,53", "10.0.0.1,6,80")), IpSetIntent("none", "net")),
                {("ip+port", "TCP 10.0.0.1;80", "UDP 10.0.0.1;53"), ("prefix",)},
            ),
            Step((IpSetIntent("ports", "ip-port", ("10.0.0.1,6,80",)),), {("ip+port", "TCP 10.0.0.1;80")}),
        ),
    ),
    "large IP sets": (
        IpSetIntent,
        (),
        lambda vpp: {len(members) - 1 for members in sets(vpp)},
        (
            Step((IpSetIntent("many", "ip", tuple(f"10.1.{n // 250}.{n % 250}" for n in range(1200))),), {1200}),
            Step((IpSetIntent("many", "ip", tuple(f"10.1.{n // 250}.{n % 250}" for n in range(700))),), {700}),
        ),
    ),
    "policies": (
        PolicyIntent,
        (PODS,),
        lambda vpp: lines(vpp, "policies verbose"),
        (
            Step((), []),
            Step((PolicyIntent("p"),), ["[policy]"]),
            Step((PolicyIntent("p", tx=(WEB,)),), ["[policy]", "tx:[rule;allow][proto==TCP,dst==[80-90],]"]),
            Step(
                (PolicyIntent("p", rx=(WEB, SSH), tx=(WEB,)),),
                [
                    "[policy]",
                    "tx:[rule;allow][proto==TCP,dst==[80-90],]",
                    "rx:[rule;allow][proto==TCP,dst==[80-90],]",
                    "rx:[rule;deny][src==10.0.0.0/8,dst!=22,]",
                ],
            ),
            Step(
                (PolicyIntent("p", tx=(FROM_PODS,)),),
                ["[policy]", "tx:[rule;allow][src==[ipset;ip;10.0.0.1,fd00::1,],]"],
            ),
        ),
    ),
    "what holds on an interface": (
        InterfacePoliciesIntent,
        ON_LOOP,
        interfaces,
        (
            Step((), ""),
            Step(
                (InterfacePoliciesIntent("loop/a", tx=("p",), rx=("q",)),),
                f"[loop0 sw_if_index=1 ] {DENIES_RX} {SSH_SHOWN} {DENIES_TX} {WEB_SHOWN}",
            ),
            Step(
                (InterfacePoliciesIntent("loop/a", tx=("q", "p"), profiles=("p",), tx_default="pass"),),
                "[loop0 sw_if_index=1 ] rx-policy-default:1 rx-profile-default:1"
                f" tx: tx-policy-default:2 tx-profile-default:1 [policy] {WEB_SHOWN} profiles: {WEB_SHOWN}",
            ),
        ),
    ),
}
