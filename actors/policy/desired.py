"""What VPP should enforce, by Felix's snapshot and this node's interfaces. Pure.

Before the first complete snapshot pods are closed except to their host, and the host is not restricted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from actors.policy import hosts, spoofing, wellknown, workloads
from actors.policy.chains import PolicyChains
from actors.policy.hosts import HostPolicies
from actors.policy.large_sets import LargeSets
from actors.policy.model import FelixPolicy, FelixPolicyId, FelixSnapshot, FelixWorkloadId
from actors.policy.policies import CompiledPolicy, CompiledPolicyCache
from actors.policy.tiers import DENY_ALL_POLICY
from actors.policy.wellknown import FelixPolicyConfig
from actors.policy.workloads import PolicyAttachment
from schemas.facts import PodInterfaceFact, PolicyStatusFact, UplinkFact
from schemas.intents import Intent, RouteIntent


@dataclass
class PolicyManagerFacts:
    """All that the policy manager knows. `snapshot`: the last complete one of Felix."""

    node: str = ""
    snapshot: FelixSnapshot | None = None
    pods: dict[str, PodInterfaceFact] = field(default_factory=dict)
    uplinks: dict[str, UplinkFact] = field(default_factory=dict)
    cache: CompiledPolicyCache = field(default_factory=CompiledPolicyCache)
    chains: PolicyChains = field(default_factory=PolicyChains)
    large_sets: LargeSets = field(default_factory=LargeSets)


@dataclass
class EnforcedPolicies:
    """Policies by interface, and statuses. `workloads`, `hosts`: keys of InterfacePoliciesIntent by endpoint of Felix.

    `sources`: routes to what pods may send from beside their own addresses.
    """

    attached: dict[str, PolicyAttachment] = field(default_factory=dict)
    sources: list[RouteIntent] = field(default_factory=list)
    statuses: dict[str, PolicyStatusFact] = field(default_factory=dict)
    workloads: dict[FelixWorkloadId, str] = field(default_factory=dict)
    hosts: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def intents(self, large_sets: LargeSets | None = None) -> Iterator[Intent]:
        """Sets, policies, policies of interfaces, sources, each once. `large_sets`: those of the last time, if any."""
        policies = {
            policy.intent.name: policy for attachment in self.attached.values() for policy in attachment.policies
        }
        sets = {name: ip_set for policy in policies.values() for name, ip_set in policy.sets.items()}
        yield from (large_sets or LargeSets()).cut(sets, [policy.intent for policy in policies.values()])
        yield from (attachment.intent for attachment in self.attached.values())
        yield from self.sources


def enforced_policies(facts: PolicyManagerFacts) -> EnforcedPolicies:
    """The policies and statuses that follow from the facts."""
    snapshot = facts.snapshot or FelixSnapshot()
    config = wellknown.parse_felix_config(snapshot.config)
    pods = wellknown.all_pods_ip_set(address for pod in facts.pods.values() for address in pod.addresses)
    addresses = wellknown.host_prefixes(a for uplink in facts.uplinks.values() for a in uplink.addresses)
    from_host = wellknown.from_host_policy(addresses, pods)
    enforced = EnforcedPolicies()
    if facts.snapshot is None:
        for pod in facts.pods.values():
            _add(enforced, workloads.closed_pod_attachment(pod.interface, from_host))
        return enforced
    book = _CompiledBook(snapshot, facts.cache, facts.chains)
    _workloads(enforced, facts, snapshot, book, from_host, config)
    host_policies = HostPolicies(
        wellknown.workloads_to_host_policy(config.to_host, pods),
        wellknown.failsafe_policy(config),
        from_host,
        wellknown.to_host_policy(addresses),
    )
    _hosts(enforced, facts, snapshot, book, host_policies)
    _set_other_statuses(enforced, book, config)
    return enforced


class _CompiledBook:
    """Felix's policies by name, compiled on demand."""

    def __init__(self, snapshot: FelixSnapshot, cache: CompiledPolicyCache, chains: PolicyChains) -> None:
        self._snapshot, self._cache, self.chains = snapshot, cache, chains
        self.compiled: dict[str, CompiledPolicy] = {}
        cache.learn(snapshot.ip_sets)

    def policy(self, name: FelixPolicyId) -> CompiledPolicy | None:
        felix_policy = self._snapshot.policies.get(name)
        return None if felix_policy is None else self._compiled(f"calico/{name.text}", felix_policy)

    def profiles(self, names: tuple[str, ...], problems: list[str]) -> tuple[CompiledPolicy, ...]:
        policies = []
        for name in names:
            felix_policy = self._snapshot.profiles.get(name)
            if felix_policy is None:
                problems.append(f"profile {name} is not known: all is denied there")
                policies.append(DENY_ALL_POLICY)
            else:
                policies.append(self._compiled(f"profile/{name}", felix_policy))
        return tuple(policies)

    def _compiled(self, name: str, felix_policy: FelixPolicy) -> CompiledPolicy:
        if name not in self.compiled:
            self.compiled[name] = self._cache.policy(name, felix_policy)
        return self.compiled[name]

    def damaged_sets(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        for name, compiled in self._cache.compiled_sets.items():
            if compiled.problems:
                yield name, compiled.problems

    def close(self) -> None:
        self._cache.forget(set(self.compiled))
        self.chains.forget()


def _add(enforced: EnforcedPolicies, attachment: PolicyAttachment) -> str:
    enforced.attached[attachment.intent.key] = attachment
    return attachment.intent.key


def _workloads(
    enforced: EnforcedPolicies,
    facts: PolicyManagerFacts,
    snapshot: FelixSnapshot,
    book: _CompiledBook,
    from_host: CompiledPolicy,
    config: FelixPolicyConfig,
) -> None:
    no_tunnels = wellknown.no_tunnels_policy(config)
    names = {f"{key.workload}/{key.endpoint}": key for key in sorted(snapshot.workloads)}
    for key, pod in sorted(facts.pods.items()):
        name = names.get(key)
        if name is None:
            _add(enforced, workloads.closed_pod_attachment(pod.interface, from_host))
            continue
        problems: list[str] = []
        endpoint = snapshot.workloads[name]
        if not workloads.is_endpoint_of_pod(endpoint, pod.addresses):
            _add(enforced, workloads.closed_pod_attachment(pod.interface, from_host))
            enforced.statuses[f"workload/{key}"] = PolicyStatusFact(
                "down", ("Felix speaks of an earlier pod of this name",)
            )
            continue
        profiles = book.profiles(endpoint.profiles, problems)
        attachment = workloads.pod_policy_attachment(pod.interface, endpoint, book, profiles, from_host, no_tunnels)
        enforced.workloads[name] = _add(enforced, attachment)
        notes: list[str] = []
        enforced.sources += spoofing.allowed_source_routes(pod, endpoint, notes, spoofing=config.source_spoofing)
        _set_status(enforced, f"workload/{key}", (*problems, *attachment.problems), tuple(notes))
    for key in names:
        if key not in facts.pods:
            enforced.statuses[f"workload/{key}"] = PolicyStatusFact("down", ("the pod has no interface here",))


def _hosts(
    enforced: EnforcedPolicies,
    facts: PolicyManagerFacts,
    snapshot: FelixSnapshot,
    book: _CompiledBook,
    host_policies: HostPolicies,
) -> None:
    running = {name: uplink for name, uplink in facts.uplinks.items() if uplink.state != "linux"}
    for name, uplink in sorted(running.items()):
        key = hosts.host_endpoint_of_uplink(snapshot.host_endpoints, name, uplink)
        if key is None:
            for attachment in hosts.host_attachments_without_endpoint(uplink, host_policies):
                _add(enforced, attachment)
            continue
        problems: list[str] = []
        endpoint = snapshot.host_endpoints[key]
        profiles = book.profiles(endpoint.profiles, problems)
        attached = list(hosts.host_attachments_with_endpoint(uplink, endpoint, book, profiles, host_policies))
        enforced.hosts[key] = (*enforced.hosts.get(key, ()), *(_add(enforced, attachment) for attachment in attached))
        problems += [text for attachment in attached for text in attachment.problems]
        old_problems = enforced.statuses.get(f"host/{key}", PolicyStatusFact("up")).problems
        _set_status(enforced, f"host/{key}", tuple(dict.fromkeys((*old_problems, *problems))))
    for key, endpoint in snapshot.host_endpoints.items():
        if key not in enforced.hosts:
            state = "error" if endpoint.name not in ("", hosts.ALL_HOST_INTERFACES, *running) else "down"
            enforced.statuses[f"host/{key}"] = PolicyStatusFact(state, ("no interface of this node is left for it",))


def _set_status(enforced: EnforcedPolicies, name: str, problems: tuple[str, ...], notes: tuple[str, ...] = ()) -> None:
    """`notes`: what is said of an endpoint that is in force all the same."""
    enforced.statuses[name] = PolicyStatusFact("error" if problems else "up", (*problems, *notes))


def _set_other_statuses(enforced: EnforcedPolicies, book: _CompiledBook, config: FelixPolicyConfig) -> None:
    """Statuses of policies, sets and configuration."""
    for name, policy in book.compiled.items():
        state = "error" if policy.problems else "ok"
        enforced.statuses[name.replace("calico/", "policy/", 1)] = PolicyStatusFact(state, policy.problems)
    for name, problems in book.damaged_sets():
        enforced.statuses[f"ip-set/{name}"] = PolicyStatusFact("error", problems)
    for problem in config.problems:
        enforced.statuses[f"config/{problem.partition(':')[0]}"] = PolicyStatusFact("error", (problem,))
    book.close()
