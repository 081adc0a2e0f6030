"""Events of one connection become its snapshot. Pure. What cannot be so is named and disturbs nothing else."""

from actors.policy.felix.decode import Delta, Event
from actors.policy.model import FelixIpSet, Snapshot

TABLES = ("ip_sets", "policies", "profiles", "workloads", "host_endpoints", "hosts", "pools")


def applied(snapshot: Snapshot, event: Event) -> str | None:
    """Takes the event into the snapshot. Returns what is wrong with it, if something is."""
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


def _row(snapshot: Snapshot, event: Event) -> str | None:
    table = getattr(snapshot, event.table)
    if event.value is not None:
        table[event.key] = event.value
        return None
    if event.key not in table:
        return f"{event.table}: {_text(event.key)}: removed, but it is not known"
    del table[event.key]
    return None


def _delta(snapshot: Snapshot, name: str, delta: Delta) -> str | None:
    """A set that is not known yet begins here: of what type is not told, so it cannot be kept."""
    known = snapshot.ip_sets.get(name)
    if known is None:
        return f"ip_sets: {name}: changed, but it is not known"
    snapshot.ip_sets[name] = FelixIpSet(known.type, (known.members | delta.added) - delta.removed)
    return None


def _text(key: object) -> str:
    return str(getattr(key, "text", key))
