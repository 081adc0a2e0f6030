"""What VPP should enforce, from what Felix has told and what this node has. Pure.

Before Felix has told everything once, pods are closed but to their host, and the host is left alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from actors.policy import hosts, wellknown, workloads
from actors.policy.chains import Chains
from actors.policy.compiled import Cache, Compiled
from actors.policy.hosts import HostPolicies
from actors.policy.model import FelixPolicy, PolicyId, Snapshot, WorkloadId
from actors.policy.tiers import DENY_ALL
from actors.policy.wellknown import Config
from actors.policy.workloads import Attached
from schemas.facts import PodInterface, PolicyStatus, Uplink
from schemas.intents import Intent


@dataclass
class World:
    """All that the policy manager knows. `snapshot`: the last one that Felix completed."""

    node: str = ""
    snapshot: Snapshot | None = None
    pods: dict[str, PodInterface] = field(default_factory=dict)
    uplinks: dict[str, Uplink] = field(default_factory=dict)
    cache: Cache = field(default_factory=Cache)
    chains: Chains = field(default_factory=Chains)


@dataclass
class Outcome:
    """What all of it comes to. `workloads`, `hosts`: whose interfaces are whose, by key of InterfacePolicies."""

    attached: dict[str, Attached] = field(default_factory=dict)
    statuses: dict[str, PolicyStatus] = field(default_factory=dict)
    workloads: dict[WorkloadId, str] = field(default_factory=dict)
    hosts: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def intents(self) -> Iterator[Intent]:
        """Sets, policies and what holds on interfaces, each once."""
        policies = {each.intent.name: each for held in self.attached.values() for each in held.policies}
        sets = {name: found for each in policies.values() for name, found in each.sets.items()}
        yield from sets.values()
        yield from (each.intent for each in policies.values())
        yield from (held.intent for held in self.attached.values())


def outcome(world: World) -> Outcome:
    """Everything, for the world as it is."""
    snapshot = world.snapshot or Snapshot()
    known = wellknown.config(snapshot.config)
    pods = wellknown.all_pods(address for pod in world.pods.values() for address in pod.addresses)
    addresses = wellknown.host_prefixes(a for uplink in world.uplinks.values() for a in uplink.addresses)
    from_host = wellknown.from_host(addresses, pods)
    found = Outcome()
    if world.snapshot is None:
        for pod in world.pods.values():
            _attach(found, workloads.closed(pod.interface, from_host))
        return found
    book = _Book(snapshot, world.cache, world.chains)
    _workloads(found, world, snapshot, book, from_host, wellknown.no_tunnels(known))
    own = HostPolicies(
        wellknown.workloads_to_host(known.to_host, pods),
        wellknown.failsafe(known),
        from_host,
        wellknown.to_host(addresses),
    )
    _hosts(found, world, snapshot, book, own)
    _tell(found, book, known)
    return found


class _Book:
    """Felix's policies by name, compiled when they are asked for."""

    def __init__(self, snapshot: Snapshot, cache: Cache, chains: Chains) -> None:
        self._snapshot, self._cache, self.chains = snapshot, cache, chains
        self.asked: dict[str, Compiled] = {}
        cache.learn(snapshot.ip_sets)

    def policy(self, name: PolicyId) -> Compiled | None:
        told = self._snapshot.policies.get(name)
        return None if told is None else self._compiled(f"calico/{name.text}", told)

    def profiles(self, names: tuple[str, ...], problems: list[str]) -> tuple[Compiled, ...]:
        found = []
        for name in names:
            told = self._snapshot.profiles.get(name)
            if told is None:
                problems.append(f"profile {name} is not known: all is denied there")
                found.append(DENY_ALL)
            else:
                found.append(self._compiled(f"profile/{name}", told))
        return tuple(found)

    def _compiled(self, name: str, told: FelixPolicy) -> Compiled:
        if name not in self.asked:
            self.asked[name] = self._cache.policy(name, told)
        return self.asked[name]

    def damaged_sets(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        for name, made in self._cache.known.items():
            if made.problems:
                yield name, made.problems

    def close(self) -> None:
        self._cache.forget(set(self.asked))
        self.chains.forget()


def _attach(found: Outcome, held: Attached) -> str:
    found.attached[held.intent.key] = held
    return held.intent.key


def _workloads(
    found: Outcome, world: World, snapshot: Snapshot, book: _Book, from_host: Compiled, no_tunnels: Compiled
) -> None:
    told = {f"{key.workload}/{key.endpoint}": key for key in sorted(snapshot.workloads)}
    for key, pod in sorted(world.pods.items()):
        name = told.get(key)
        if name is None:
            _attach(found, workloads.closed(pod.interface, from_host))
            continue
        problems: list[str] = []
        endpoint = snapshot.workloads[name]
        if not workloads.speaks_of(endpoint, pod.addresses):
            _attach(found, workloads.closed(pod.interface, from_host))
            found.statuses[f"workload/{key}"] = PolicyStatus("down", ("Felix speaks of an earlier pod of this name",))
            continue
        profiles = book.profiles(endpoint.profiles, problems)
        held = workloads.workload(pod.interface, endpoint, book, profiles, from_host, no_tunnels)
        found.workloads[name] = _attach(found, held)
        _say(found, f"workload/{key}", (*problems, *held.problems))
    for key in told:
        if key not in world.pods:
            found.statuses[f"workload/{key}"] = PolicyStatus("down", ("the pod has no interface here",))


def _hosts(found: Outcome, world: World, snapshot: Snapshot, book: _Book, own: HostPolicies) -> None:
    running = {name: uplink for name, uplink in world.uplinks.items() if uplink.state != "linux"}
    for name, uplink in sorted(running.items()):
        key = hosts.chosen(snapshot.host_endpoints, name, uplink)
        if key is None:
            for held in hosts.unhosted(uplink, own):
                _attach(found, held)
            continue
        problems: list[str] = []
        endpoint = snapshot.host_endpoints[key]
        profiles = book.profiles(endpoint.profiles, problems)
        attached = list(hosts.hosted(uplink, endpoint, book, profiles, own))
        found.hosts[key] = (*found.hosts.get(key, ()), *(_attach(found, held) for held in attached))
        problems += [text for held in attached for text in held.problems]
        before = found.statuses.get(f"host/{key}", PolicyStatus("up")).problems
        _say(found, f"host/{key}", tuple(dict.fromkeys((*before, *problems))))
    for key, endpoint in snapshot.host_endpoints.items():
        if key not in found.hosts:
            state = "error" if endpoint.name not in ("", hosts.ALL, *running) else "down"
            found.statuses[f"host/{key}"] = PolicyStatus(state, ("no interface of this node is left for it",))


def _say(found: Outcome, name: str, problems: tuple[str, ...]) -> None:
    found.statuses[name] = PolicyStatus("error" if problems else "up", problems)


def _tell(found: Outcome, book: _Book, known: Config) -> None:
    """What could not be said of policies and sets, each by its name."""
    for name, each in book.asked.items():
        state = "error" if each.problems else "ok"
        found.statuses[name.replace("calico/", "policy/", 1)] = PolicyStatus(state, each.problems)
    for name, problems in book.damaged_sets():
        found.statuses[f"ip-set/{name}"] = PolicyStatus("error", problems)
    for problem in known.problems:
        found.statuses[f"config/{problem.partition(':')[0]}"] = PolicyStatus("error", (problem,))
    book.close()
