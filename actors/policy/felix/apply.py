"""Applies the events of a connection to its snapshot. Pure. An impossible event is reported and changes nothing."""

from actors.policy.felix.decode import FelixEvent, FelixIpSetDelta
from actors.policy.model import FelixIpSet, FelixSnapshot

_TABLES = ("ip_sets", "policies", "profiles", "workloads", "host_endpoints", "hosts", "pools")


def apply_felix_event(snapshot: FelixSnapshot, event: FelixEvent) -> str | None:
    """Apply an event to the snapshot. Returns what is wrong with it, or None."""
    if event.table == "config":
        snapshot.config = event.value
    elif event.table == "in_sync":
        if snapshot.in_sync:
            return "InSync: said twice"
        snapshot.in_sync = True
    elif event.table == "ip_set_deltas":
        return _delta(snapshot, event.key, event.value)
    else:
        return _row(snapshot, event)
    return None


def _row(snapshot: FelixSnapshot, event: FelixEvent) -> str | None:
    table = getattr(snapshot, event.table)
    if event.value is not None:
        table[event.key] = event.value
        return None
    if event.key not in table:
        return f"{event.table}: {_text(event.key)}: removed, but it is not known"
    del table[event.key]
    return None


def _delta(snapshot: FelixSnapshot, name: str, delta: FelixIpSetDelta) -> str | None:
    """Change the members of a set. An unknown one has no type, and is left out."""
    ip_set = snapshot.ip_sets.get(name)
    if ip_set is None:
        return f"ip_sets: {name}: changed, but it is not known"
    snapshot.ip_sets[name] = FelixIpSet(ip_set.type, (ip_set.members | delta.added) - delta.removed)
    return None


def _text(key: object) -> str:
    return str(getattr(key, "text", key))
