"""A request becomes a pod, or one error that names the field; nothing else, whatever its texts are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.cni.allowed_sources import ALLOWED_SOURCES_ANNOTATION
from actors.cni.pods import BadPodRequest, CniPod, parse_pod_request, pod_with_mtu
from schemas.proto import cnibackend_pb2 as pb

LONGEST_NETNS = "/" + "n" * 62
text = st.one_of(st.text(max_size=80), st.sampled_from(["", "a", "10.0.0.1", "10.0.0.1/24", "fe80::1%eth0", "::/0"]))


def request(**changed: object) -> pb.AddRequest:
    """What Calico's plugin says for a usual pod, with fields replaced."""
    usual: dict[str, object] = {
        "interface_name": "eth0",
        "netns": "/var/run/netns/cni-75e26661-4119-90a4-b9d2-0b00489f76f3",
        "desired_host_interface_name": "cali0123456789a",
        "settings": pb.ContainerSettings(),
        "container_ips": [ip("10.1.0.5/32"), ip("fd10::5/128")],
        "container_routes": ["0.0.0.0/0", "::/0"],
        "workload": workload(),
        "dataplane_options": {"type": "grpc", "socket": "unix:///var/run/calico/cni-server.sock"},
    }
    return pb.AddRequest(**(usual | changed))  # type: ignore[arg-type]


def ip(address: str) -> pb.IPConfig:
    return pb.IPConfig(address=address, gateway="<nil>")


def workload(namespace: str = "default", pod: str = "web-0", **more: object) -> pb.WorkloadIDs:
    return pb.WorkloadIDs(namespace=namespace, pod=pod, endpoint="eth0", orchestrator="k8s", **more)  # type: ignore[arg-type]


def refusal(of: pb.AddRequest) -> str:
    with pytest.raises(BadPodRequest) as caught:
        parse_pod_request(of)
    return str(caught.value)


def pod_or_error(of: pb.AddRequest) -> CniPod | BadPodRequest:
    try:
        return parse_pod_request(of)
    except BadPodRequest as error:
        return error


def test_a_usual_request_becomes_a_pod() -> None:
    pod = parse_pod_request(request(settings=pb.ContainerSettings(mtu=1440, allow_ip_forwarding=True)))
    assert pod.key == "default/web-0/eth0"
    assert pod.netns == "/var/run/netns/cni-75e26661-4119-90a4-b9d2-0b00489f76f3"
    assert pod.routes == ("0.0.0.0/0", "::/0")
    assert (pod.mtu_asked, pod.forwarding) == (1440, True)
    assert pod.versions() == (4, 6)


def test_the_length_and_the_gateway_of_an_address_do_not_matter() -> None:
    with_length = pb.IPConfig(address="10.1.0.5/24", gateway="10.1.0.1")
    assert parse_pod_request(request(container_ips=[with_length])) == parse_pod_request(
        request(container_ips=[ip("10.1.0.5/32")])
    )


def test_a_read_one_family_has_not_the_other() -> None:
    assert parse_pod_request(request(container_ips=[ip("10.1.0.5/32")])).versions() == (4,)
    assert parse_pod_request(request(container_ips=[ip("fd10::5/128")])).versions() == (6,)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("10.0.0.0/8", "not a JSON list of prefixes: "),
        ('{"10.0.0.0/8": 1}', "not a JSON list of prefixes: Expected `array | null`, got `object`"),
        ('["10.0.0.0/8", 7]', "not a JSON list of prefixes: Expected `str`, got `int` - at `$[1]`"),
        ('["10.0.0.0/8", "10.0.0.0/33"]', "[1]: '10.0.0.0/33' is not a prefix"),
        ('["fe80::1%eth0"]', "[0]: 'fe80::1%eth0' is not a prefix"),
        ('[""]', "[0]: '' is not a prefix"),
        (f'["{"x" * 300}"]', f"[0]: '{'x' * 77}...' is not a prefix"),
        ("[" * 100_000, "not a JSON list of prefixes: "),
        (str([f"10.0.{n}.0/24" for n in range(256)] + ["10.1.0.0/24"]).replace("'", '"'), "257 prefixes, at most 256"),
    ],
)
def test_an_unreadable_list_of_allowed_sources_is_refused_by_name(text: str, why: str) -> None:
    told = refusal(request(workload=workload(annotations={ALLOWED_SOURCES_ANNOTATION: text})))
    assert told.startswith(f"workload.annotations: {ALLOWED_SOURCES_ANNOTATION}: {why}")
    assert len(told) < 250


@pytest.mark.parametrize("text", ["[]", "null"])
def test_no_allowed_sources_are_none(text: str) -> None:
    annotated = workload(annotations={ALLOWED_SOURCES_ANNOTATION: text})
    assert parse_pod_request(request(workload=annotated)) == parse_pod_request(request())


def test_other_annotations_change_nothing() -> None:
    annotated = workload(annotations={"cni.projectcalico.org/vppVcl": "nonsense"})
    assert parse_pod_request(request(workload=annotated)).same_request(parse_pod_request(request()))


@pytest.mark.parametrize("address", ["", "<nil>", "10.1.0.256", "10.1.0.5/33", "web-0", "fe80::1%eth0", "10.1.0.5/x"])
def test_what_is_not_an_address_is_refused_by_name(address: str) -> None:
    assert refusal(request(container_ips=[ip(address)])).startswith("container_ips")


def test_an_ipv4_address_in_ipv6_s_dress_is_ipv4() -> None:
    asked = request(container_ips=[ip("::ffff:10.1.0.5/128")], container_routes=["::ffff:10.2.0.0/112"])
    pod = parse_pod_request(asked)
    assert (pod.addresses, pod.routes) == (("10.1.0.5",), ("10.2.0.0/16",))


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "224.0.0.1", "::", "::1", "ff02::1", "169.254.1.1"])
def test_an_address_that_no_pod_can_have_is_refused(address: str) -> None:
    assert "container_ips" in refusal(request(container_ips=[ip(address)]))


def test_a_pod_without_an_address_is_refused() -> None:
    assert "container_ips" in refusal(request(container_ips=[]))


@pytest.mark.parametrize("prefix", ["", "default", "10.0.0.0/33", "::/129", "fe80::%eth0/64"])
def test_what_is_not_a_prefix_is_refused_by_name(prefix: str) -> None:
    assert refusal(request(container_routes=[prefix])).startswith("container_routes")


@pytest.mark.parametrize("name", ["", "interface-of-16-b", "a/b", "a b", "..", "eth%d", "eth0\n", "eth\u00e9"])
def test_what_cannot_be_a_device_is_refused_by_name(name: str) -> None:
    assert refusal(request(interface_name=name)).startswith("interface_name")


def test_names_over_the_limits_are_refused() -> None:
    assert refusal(request(netns=LONGEST_NETNS + "n")).startswith("netns")
    assert "workload.namespace" in refusal(request(workload=workload(namespace="n" * 64)))
    assert "workload.pod" in refusal(request(workload=workload(pod="p" * 254)))


def test_names_at_the_limits_are_taken() -> None:
    pod = parse_pod_request(
        request(netns=LONGEST_NETNS, interface_name="i" * 15, workload=workload("n" * 63, "p" * 253))
    )
    assert pod.netns == LONGEST_NETNS


@pytest.mark.parametrize("name", ["", "a/b", "UPPER", "-a", "a\n"])
def test_what_kubernetes_would_not_call_a_pod_is_refused(name: str) -> None:
    assert "workload" in refusal(request(workload=workload(pod=name)))
    assert "workload" in refusal(request(workload=workload(namespace=name)))


@pytest.mark.parametrize("mtu", [-1, 67, 1279, 9217, 2**31 - 1])
def test_an_mtu_that_the_pod_cannot_have_is_refused(mtu: int) -> None:
    assert "mtu" in refusal(request(settings=pb.ContainerSettings(mtu=mtu)))


def test_a_small_mtu_is_taken_without_ip6() -> None:
    small = request(settings=pb.ContainerSettings(mtu=576), container_ips=[ip("10.1.0.5/32")])
    assert parse_pod_request(small).mtu_asked == 576


def test_the_mtu_is_the_one_asked_for_else_the_uplinks_smallest_else_ethernets() -> None:
    requested = parse_pod_request(request(settings=pb.ContainerSettings(mtu=1400)))
    assert pod_with_mtu(requested, [9000]).mtu == 1400
    assert pod_with_mtu(parse_pod_request(request()), [9000, 1460]).mtu == 1460
    assert pod_with_mtu(parse_pod_request(request()), [65535]).mtu == 9216
    assert pod_with_mtu(parse_pod_request(request()), []).mtu == 1500


def test_the_same_request_is_recognised_when_the_nodes_mtu_has_changed() -> None:
    before, after = (
        pod_with_mtu(parse_pod_request(request()), [9000]),
        pod_with_mtu(parse_pod_request(request()), [1500]),
    )
    assert before.same_request(after)
    assert not before.same_request(parse_pod_request(request(netns="/var/run/netns/new")))
    assert not before.same_request(parse_pod_request(request(settings=pb.ContainerSettings(mtu=9000))))


def test_a_secondary_network_is_refused_by_name() -> None:
    assert "network_name" in refusal(request(dataplane_options={"network_name": "blue"}))


@given(
    interface=text,
    netns=text,
    addresses=st.lists(text, max_size=3),
    routes=st.lists(text, max_size=3),
    names=st.tuples(text, text),
    mtu=st.integers(-(2**31), 2**31 - 1),
    options=st.dictionaries(text, text, max_size=2),
)
def test_whatever_is_asked_there_is_a_pod_or_a_named_error(
    interface: str,
    netns: str,
    addresses: list[str],
    routes: list[str],
    names: tuple[str, str],
    mtu: int,
    options: dict[str, str],
) -> None:
    requested = request(
        interface_name=interface,
        netns=netns,
        container_ips=[ip(address) for address in addresses],
        container_routes=routes,
        settings=pb.ContainerSettings(mtu=mtu),
        workload=workload(*names),
        dataplane_options=options,
    )
    answer = pod_or_error(requested)
    assert isinstance(answer, CniPod) or answer.field
    assert len(str(answer)) < 2000
