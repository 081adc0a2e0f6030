"""Reachability between all pods, probed at the same time and compared with the expected one."""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.lab.policies.words import Expected, Flow, verdict
from tests.waiting import until
from tools.lab.state import Lab
from tools.lab.traffic.agent import words
from tools.lab.traffic.agent.words import Probe, ProbeAnswer
from tools.lab.traffic.agents import Agents

QUIET_MS = 300
HOLDS_S_MAX = 10.0  # from a change in Kubernetes to VPP
VERSIONS = (4, 6)


@dataclass(frozen=True)
class Wrong:
    """A flow that did not go as expected."""

    flow: Flow
    expected: bool
    answer: ProbeAnswer

    def __str__(self) -> str:
        flow, expected = self.flow, "an answer" if self.expected else "silence"
        outcome = f"{self.answer.outcome} {self.answer.by}".strip()
        return f"{flow.source} -> {flow.to} {flow.protocol} {flow.port} IPv{flow.version}: {outcome}, not {expected}"


def flows(lab: Lab, pods: Iterable[str], probes: Iterable[tuple[str, int]]) -> list[Flow]:
    """Between all pairs of these pods, both families."""
    keys, pairs = list(pods), list(probes)
    node = {key: f"node{lab.pods[key].node}" for key in keys}
    return [
        Flow(source, to, protocol, port, version, node[source], node[to])
        for source in keys
        for to in keys
        if source != to
        for protocol, port in pairs
        for version in VERSIONS
    ]


def wrong(lab: Lab, agents: Agents, probed: list[Flow], expected: Iterable[Expected]) -> list[Wrong]:
    """The flows that do not go as expected now."""
    listed = tuple(expected)
    by_source: dict[str, list[Flow]] = {}
    for flow in probed:
        by_source.setdefault(flow.source, []).append(flow)
    answers = agents.ask({source: [_probe(lab, flow) for flow in each] for source, each in by_source.items()}, QUIET_MS)
    return [
        Wrong(flow, should, answer)
        for source, each in by_source.items()
        for flow, answer in zip(each, answers[source], strict=True)
        if not _as_expected(flow, should := verdict(listed, flow), answer)
    ]


def _probe(lab: Lab, flow: Flow) -> Probe:
    pod = lab.pods[flow.to]
    return Probe(flow.protocol, pod.ip6 if flow.version == 6 else pod.ip4, flow.port)


def _as_expected(flow: Flow, allowed: bool, answer: ProbeAnswer) -> bool:
    if not allowed:
        return answer.outcome == words.SILENT
    return answer.ok and (answer.by == flow.to or flow.protocol == words.ICMP)


def until_as_expected(
    lab: Lab, agents: Agents, probed: list[Flow], expected: Iterable[Expected], what: str = "all flows go as expected"
) -> None:
    """Waits until all flows go as expected. Raises AssertionError with `what` and the flows that do not."""
    listed = tuple(expected)
    failures: list[Wrong] = []

    def all_right() -> bool:
        failures[:] = wrong(lab, agents, probed, listed)
        return not failures

    until(all_right, lambda: f"{what}, but {_listed(failures)}", HOLDS_S_MAX)


def _listed(failures: list[Wrong]) -> str:
    return f"{len(failures)} flows are wrong:\n" + "\n".join(str(failure) for failure in failures[:20])
