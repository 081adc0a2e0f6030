"""How long it takes until Services are translations in VPP: all of them at once, and one changed endpoint."""

import time
from typing import Any

from bus.peer import BusPeer
from schemas.cnat import translation_intent_key
from schemas.facts import EndpointSliceFact, NodeFact, ServiceFact, ServicePort, SliceEndpoint, SlicePort
from tools.bench.rig import NODE, Rig, quantiles_ms, running_rig

TCP = 6
CHANGES = 50


async def run(services: int, endpoints: int, vpp: str) -> dict[str, Any]:
    """The measurement. Raises BenchFailed."""
    async with running_rig("services", vpp, "kube-watch", "guard", "cni") as (rig, peers):
        facts = _facts(services, endpoints)
        began = time.monotonic()
        for name, word in (("guard", "uplink"), ("cni", "pod-interface")):
            peers[name].publish(word, {})
        for word, rows in facts.items():
            peers["kube-watch"].publish(word, rows)
        keys = {translation_intent_key(TCP, _vip(number), 80) for number in range(services)}
        await rig.wait_until(lambda: len(keys & rig.applied.keys()) == services, "every Service is translated")
        cold_s = time.monotonic() - began
        cold = await rig.counter("vpp-writer", "vpp_writes_total")
        changes = [await _change(rig, peers["kube-watch"], number, endpoints) for number in range(CHANGES)]
        writes = await rig.counter("vpp-writer", "vpp_writes_total")
        return {
            "services": services,
            "endpoints_each": endpoints,
            "vpp": vpp,
            "cold": {"seconds": round(cold_s, 2), "messages": cold},
            "one_changed_endpoint": {**quantiles_ms(changes), "messages_each": (writes - cold) / CHANGES},
            "peak_memory_mb": rig.peak_mb(),
        }


def _facts(services: int, endpoints: int) -> dict[str, dict[str, Any]]:
    return {
        "node": {NODE: NodeFact(ip4="192.0.2.1/24")},
        "bgp-configuration": {},
        "ip-pool": {},
        "service": {f"bench/{n}": _service(n) for n in range(services)},
        "endpoint-slice": {f"bench/{n}": _slice(n, endpoints, 0) for n in range(services)},
    }


def _vip(number: int) -> str:
    return f"10.{96 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def _service(number: int) -> ServiceFact:
    return ServiceFact(
        cluster_ips=(_vip(number),), ports=(ServicePort(80, name="web"),), created="2026-01-01T00:00:00Z"
    )


def _slice(number: int, endpoints: int, change: int) -> EndpointSliceFact:
    """`change`: the last endpoint has another address each time."""
    last = endpoints - 1
    backends = tuple(
        SliceEndpoint((f"10.{number >> 8 & 63}.{number & 255}.{(n + change * (n == last)) % 254 + 1}",), node=NODE)
        for n in range(endpoints)
    )
    return EndpointSliceFact(f"bench/{number}", 4, (SlicePort(8080, name="web"),), backends)


async def _change(rig: Rig, watch: BusPeer, number: int, endpoints: int) -> float:
    """Changes one endpoint of one Service. Returns seconds until VPP holds it."""
    key = translation_intent_key(TCP, _vip(number), 80)
    before = rig.applied[key]
    began = time.monotonic()
    watch.update_row("endpoint-slice", f"bench/{number}", _slice(number, endpoints, 7))
    await rig.wait_until(lambda: rig.applied.get(key, before) != before, f"the change of Service {number}")
    return time.monotonic() - began
