"""Namespace `shop`: a service with three backends over two nodes behind a policy, a client of it, and a stranger.

The backends serve ports 80 and 81. The policy allows port 80 to pods with `role: client`; the service's port is 8080.
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

from tools.lab import kube
from tools.lab.cluster import pods
from tools.lab.state import Lab
from tools.lab.topology import lan_netns
from tools.lab.traffic.agent.words import Probe, ProbeAnswer
from tools.lab.traffic.agents import Agents

SPACE, PORT, OPEN, SHUT = "shop", 8080, 80, 81
BACKENDS = {"web1": "node1", "web2": "node1", "web3": "node2"}
CLIENTS = {"client": "node1", "stranger": "node2"}
OUTSIDE = "outside"
PATIENCE_S = 10.0
QUIET_MS = 200


class Shop:
    """The namespace as a context manager; pods and agents end with it, objects too."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.agents = Agents(lab.directory / "agents")
        self.backends = [f"{SPACE}/{name}" for name in BACKENDS]

    def __enter__(self) -> Self:
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _make(self) -> None:
        kube.create_namespace(self.lab, SPACE)
        for name, node in (BACKENDS | CLIENTS).items():
            labels = {"app": "web"} if name in BACKENDS else {"role": name}
            pods.add(self.lab, name, node, namespace=SPACE, labels=labels)
        where = {f"{SPACE}/{name}": self.pod(name).netns for name in BACKENDS | CLIENTS}
        self.agents.__enter__()
        self.agents.start(where | {OUTSIDE: lan_netns(self.lab.name)}, (OPEN, SHUT))

    def __exit__(self, *_exc: object) -> None:
        self.agents.__exit__()
        for kind in ("NetworkPolicy", "Service"):
            kube.delete(self.lab, kind, SPACE, "web")
        for name in BACKENDS | CLIENTS:
            if f"{SPACE}/{name}" in self.lab.pods:
                pods.delete(self.lab, f"{SPACE}/{name}")
        kube.delete(self.lab, "Namespace", "", SPACE)

    def pod(self, name: str) -> Any:
        """A pod of the namespace."""
        return self.lab.pods[f"{SPACE}/{name}"]

    def serve(self) -> dict[str, Any]:
        """Applies the service: dual-stack, TCP and UDP, node ports for local backends. Returns its spec as stored."""
        ports = [{"name": p.lower(), "protocol": p, "port": PORT, "targetPort": OPEN} for p in ("TCP", "UDP")]
        spec: dict[str, Any] = {
            "type": "NodePort",
            "externalTrafficPolicy": "Local",
            "ipFamilyPolicy": "RequireDualStack",
        }
        spec |= {"selector": {"app": "web"}, "ports": ports}
        body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": SPACE}, "spec": spec}
        return dict(kube.apply(self.lab, body)[0]["spec"])

    def protect(self, *peers: dict[str, Any]) -> None:
        """Applies the policy: the backends' open port for these peers alone."""
        ingress = [{"from": list(peers), "ports": [{"protocol": "TCP", "port": OPEN}]}] if peers else []
        spec = {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"], "ingress": ingress}
        meta = {"name": "web", "namespace": SPACE}
        kube.apply(
            self.lab,
            {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": spec},
        )

    def ask(self, client: str, address: str, port: int, protocol: str = "TCP", times: int = 1) -> list[ProbeAnswer]:
        """The answers to so many new flows of a pod, or of the host outside."""
        return self.probe_all(client, [(address, port)] * times, protocol)

    def probe_all(self, client: str, targets: list[tuple[str, int]], protocol: str = "TCP") -> list[ProbeAnswer]:
        """The answers to one new flow to each of these addresses and ports, all at the same time."""
        name = client if client == OUTSIDE else f"{SPACE}/{client}"
        return self.agents.ask({name: [Probe(protocol, *target) for target in targets]}, QUIET_MS)[name]

    def count_answers(
        self, client: str, address: str, port: int, protocol: str = "TCP", times: int = 90
    ) -> Counter[str]:
        """Answers by agent; flows without an answer by their outcome."""
        return Counter(answer.answerer_or_outcome for answer in self.ask(client, address, port, protocol, times))


def seconds_until(condition: Callable[[], bool]) -> float | None:
    """Seconds until the condition holds; None: it does not in time."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > PATIENCE_S:
            return None
    return time.monotonic() - started


def in_ms(took: float | None) -> str:
    """A duration from `seconds_until` in words."""
    return "not in time" if took is None else f"after {took * 1000:.0f} ms"
