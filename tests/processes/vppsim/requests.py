"""API requests in short form: paths, routes, taps."""

from ipaddress import ip_address, ip_network
from typing import Any

INDEX_INVALID = 0xFFFFFFFF


def path(
    via: str = "", interface: int = INDEX_INVALID, table: int = 0, weight: int = 1, v6: bool = False
) -> dict[str, Any]:
    """A fib_path: next hop, interface, table."""
    hop = ip_address(via) if via else None
    is_v6 = hop.version == 6 if hop else v6
    nh = {"address": {"ip6" if is_v6 else "ip4": hop.packed}} if hop else {}
    return {
        "sw_if_index": interface,
        "table_id": table,
        "weight": weight,
        "proto": int(is_v6),
        "nh": nh,
        "label_stack": [{}] * 16,
    }


def route(prefix: str, *paths: dict[str, Any], table: int = 0) -> dict[str, Any]:
    """An ip_route."""
    assert ip_network(prefix)
    return {"table_id": table, "prefix": prefix, "n_paths": len(paths), "paths": list(paths)}


def tap(namespace: str, name: str, flags: int = 0, **more: Any) -> dict[str, Any]:
    """Fields of tap_create_v3."""
    return {
        "id": INDEX_INVALID,
        "use_random_mac": True,
        "num_rx_queues": 1,
        "num_tx_queues": 1,
        "rx_ring_sz": 1024,
        "tx_ring_sz": 1024,
        "host_namespace_set": True,
        "host_namespace": namespace,
        "host_if_name_set": True,
        "host_if_name": name,
        "tap_flags": flags,
        **more,
    }


GSO, PERSIST, ATTACH, TUN = 1, 4, 8, 16
POD = TUN | PERSIST | ATTACH | GSO
