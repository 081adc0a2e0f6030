"""Connections that say nothing for longer than VPP remembers flows: they meet the policies of now."""

from collections.abc import Callable, Iterator

import pytest

from schemas.config import DEFAULT_STARTUP_CONF
from tests.lab.conftest import ON_VPP, vppd
from tests.lab.policies.words import labelled, policy, source
from tests.waiting import until
from tools.lab import kube, linux, state
from tools.lab.checks import convergence
from tools.lab.cluster import build, node_processes, pods
from tools.lab.state import Lab
from tools.lab.traffic.agents import Agents
from tools.lab.traffic.load_generator import LoadReport
from tools.lab.traffic.loads import BackgroundLoad

AGE_S = 4
IDLE_S = 3.0 * AGE_S
STANDING = 4


@pytest.fixture(scope="module")
def forgetful(new_name: Callable[[], str]) -> Iterator[Lab]:
    """One node whose VPP forgets what is not translated after a few seconds; a client and a server."""
    name = new_name()
    startup_conf = node_processes.REAL_STARTUP_CONF if ON_VPP else DEFAULT_STARTUP_CONF
    conf = startup_conf.replace("session-max-age 120", f"session-max-age {AGE_S}")
    assert conf != startup_conf
    completed = vppd("lab", "up", "--nodes", "1", "--name", name, "--set", f"CALICOVPP_CONFIG_TEMPLATE={conf}", *ON_VPP)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    lab = state.load(name)
    kube.create_namespace(lab, "x")
    for pod in ("client", "server"):
        pods.add(lab, pod, "node1", namespace="x", labels={"app": pod})
    with Agents(lab.directory / "agents") as agents:
        agents.start({"x/server": lab.pods["x/server"].netns})
        yield lab
    build.remove_lab(name, lambda _: None)


def idle_under(lab: Lab, to: list[tuple[str, int]], *bodies: dict[str, object]) -> LoadReport:
    """The report of connections that stand before these policies, and exchange data only after a long silence."""
    client = lab.pods["x/client"].netns
    try:
        with BackgroundLoad(client, to, rate=0.0, standing=STANDING, exchange_every_s=IDLE_S) as load:
            until(lambda: len(established(client)) >= STANDING, "the connections stand")
            since = convergence.flush_counts(lab)
            for body in bodies:
                kube.apply(lab, body)
            assert convergence.wait_until_flushed(lab, since)
            assert convergence.wait_until_converged(lab)
            until(lambda: load.age_s > IDLE_S + 6.0, "each has spoken again, or given up", IDLE_S + 10.0)
    finally:
        for body in bodies:
            kube.delete(lab, "NetworkPolicy", "x", body["metadata"]["name"])  # type: ignore[index]
    return load.report


def server(lab: Lab) -> list[tuple[str, int]]:
    """The server's addresses of both families."""
    pod = lab.pods["x/server"]
    return [(pod.ip4, 80), (pod.ip6, 80)]


def established(netns: str) -> list[str]:
    """The connections that stand there."""
    return linux.run(*linux.netns_command(netns, "ss", "-Htn", "state", "established")).splitlines()


def test_one_that_policies_on_both_sides_deny_by_now_does_not_live_on(forgetful: Lab) -> None:
    account = idle_under(forgetful, server(forgetful), policy("deny", "x", ingress=[], egress=[]))
    assert len(account.broken) == STANDING


def test_one_that_policies_allow_lives_on(forgetful: Lab) -> None:
    from_client = policy("from-client", "x", labelled(app="server"), ingress=[source()], egress=[])
    to_server = policy("no-ingress", "x", labelled(app="client"), ingress=[])
    account = idle_under(forgetful, server(forgetful), from_client, to_server)
    assert account.broken == []
    assert account.exchanges >= 2 * STANDING


def test_one_through_a_service_is_remembered_longer(forgetful: Lab) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "x"},
        "spec": {"selector": {"app": "server"}, "ports": [{"port": 8080, "targetPort": 80}]},
    }
    address = kube.apply(forgetful, body)[0]["spec"]["clusterIP"]
    try:
        client = forgetful.pods["x/client"].netns
        with BackgroundLoad(client, [(address, 8080)], rate=20) as load:
            until(lambda: load.age_s > 3.0, "the service has been tried")
        assert load.report.ok > 0
        account = idle_under(forgetful, [(address, 8080)], policy("deny", "x", ingress=[], egress=[]))
    finally:
        kube.delete(forgetful, "Service", "x", "web")
    assert account.broken == []
    assert account.exchanges >= 2 * STANDING
