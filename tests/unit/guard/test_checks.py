"""Findings of the preflight, and how they are shown."""

from pathlib import Path

import pytest

from actors.vpp_writer.kinds import INTENT_KINDS
from schemas.config import NodeConfig, UplinkSpec
from schemas.intents import AfPacketIntent
from vppd_guard.drivers.machine import HostMachine
from vppd_guard.drivers.registry import uplink_driver_named
from vppd_guard.linux.captured import CapturedLink, LinuxAddress
from vppd_guard.report.findings import (
    FINDING_FAILED,
    FINDING_OK,
    FINDING_WAIVED,
    FINDING_WARNING,
    PreflightFinding,
    preflight_failure_texts,
    preflight_findings_table,
    waive_preflight_failures,
)
from vppd_guard.states import checks
from vppd_guard.uplink.desired import DesiredUplink, guard_intents

ADDRESSES = (LinuxAddress(address="192.0.2.7/24"), LinuxAddress(address="2001:db8::7/64"))
SPEC = UplinkSpec(interfaceName="eth0")


def captured(kind: str = "", master: str = "", mtu: int = 1500) -> CapturedLink:
    return CapturedLink(name="eth0", mac="02:90:00:00:00:01", mtu=mtu, kind=kind, master=master, addresses=ADDRESSES)


@pytest.mark.parametrize(
    ("link", "why"),
    [
        (captured(kind="bond"), "a bond cannot be moved"),
        (captured(kind="bridge"), "a bridge cannot be moved"),
        (captured(kind="tun"), "another VPP holds it"),
        (captured(master="br0"), "is a port of br0"),
        (captured(mtu=1000), "MTU 1000 is outside 1280"),
        (captured(mtu=65000), "MTU 65000 is outside"),
    ],
)
def test_what_could_not_be_given_back_is_refused_in_words(link: CapturedLink, why: str) -> None:
    finding = checks.preflight_uplink(link, SPEC)
    assert (finding.state, finding.check) == (FINDING_FAILED, "uplink eth0")
    assert why in finding.text


@pytest.mark.parametrize("kind", ["", "veth", "vlan", "macvlan"])
def test_a_device_of_its_own_and_a_vlan_can_be_uplinks(kind: str) -> None:
    assert checks.preflight_uplink(captured(kind=kind), SPEC).state == FINDING_OK


def test_a_container_without_its_capabilities_is_told_which() -> None:
    capabilities = checks.CAPABILITIES
    assert checks.missing_capabilities("CapEff:\t000001ffffffffff\n", capabilities) == []
    assert checks.missing_capabilities("CapEff:\t0000000000003000\n", capabilities) == ["SYS_ADMIN"]
    assert checks.missing_capabilities("", capabilities) == list(capabilities)


def test_memory_that_cannot_be_locked_matters_to_devices_that_are_vpps_own(tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/limits").write_text("Max locked memory         8388608    8388608    bytes\n")
    findings = {
        name: checks.preflight_locked_memory(HostMachine(tmp_path), "CapEff: 0\n", [uplink_driver_named(name)]).state
        for name in ("af_packet", "virtio", "dpdk")
    }
    assert findings == {"af_packet": FINDING_WARNING, "virtio": FINDING_FAILED, "dpdk": FINDING_FAILED}
    assert (
        checks.preflight_locked_memory(
            HostMachine(tmp_path), "CapEff: ffffffffff\n", [uplink_driver_named("dpdk")]
        ).state
        == FINDING_OK
    )


def test_a_bare_machine_fails_by_name(tmp_path: Path) -> None:
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/osrelease").write_text("4.19.0-generic\n")
    config = NodeConfig(state=tmp_path / "state")
    findings = {f.check: f for f in checks.preflight_host(config, HostMachine(tmp_path), "CapEff: 0\n")}
    assert {name for name, f in findings.items() if f.state == FINDING_FAILED} == {
        "kernel",
        "capabilities",
        "tun",
        "vhost-net",
    }
    assert "5.3 is needed" in findings["kernel"].text
    assert findings["state"].state == FINDING_OK


def test_hugepages_are_demanded_only_if_startup_conf_asks_for_them(tmp_path: Path) -> None:
    pages = tmp_path / "sys/kernel/mm/hugepages/hugepages-2048kB"
    pages.mkdir(parents=True)
    (pages / "nr_hugepages").write_text("512\n")
    (pages / "free_hugepages").write_text("0\n")
    machine = HostMachine(tmp_path)
    assert checks.preflight_hugepages("buffers { page-size 4K }", machine).state == FINDING_OK
    assert checks.preflight_hugepages("buffers { # page-size 2M\n }", machine).state == FINDING_OK
    refused = checks.preflight_hugepages("buffers { page-size 2M }", machine)
    assert (refused.state, "none free of 2M" in refused.text) == (FINDING_FAILED, True)
    (pages / "free_hugepages").write_text("100\n")
    assert checks.preflight_hugepages("buffers { page-size 2M }", machine).state == FINDING_OK


def test_af_xdp_is_refused_if_its_frames_do_not_fit_vpps_buffers() -> None:
    assert checks.preflight_buffers("", [("eth0", 1500)]).state == FINDING_OK
    refused = checks.preflight_buffers("buffers { buffers-per-numa 1 # default data-size 9000\n}", [("eth0", 3072)])
    assert (refused.state, "MTU 3072 needs 3342" in refused.text) == (FINDING_FAILED, True)
    assert checks.preflight_buffers("buffers { default data-size 3400 }", [("eth0", 3072)]).state == FINDING_OK


def test_a_vpp_that_lacks_messages_is_refused_with_their_names() -> None:
    driver = uplink_driver_named("af_packet")
    messages = frozenset({*checks.REQUIRED_VPP_MESSAGES, *driver.messages})
    assert checks.preflight_vpp(messages, [driver]).state == FINDING_OK
    refused = checks.preflight_vpp(messages - {"af_packet_create_v3", "set_punt"}, [driver])
    assert refused.state == FINDING_FAILED
    assert "lacks af_packet_create_v3, set_punt" in refused.text


def test_the_messages_that_are_looked_for_are_those_that_the_guards_intents_need() -> None:
    interface = AfPacketIntent(name="uplink/eth0", host_interface="eth0", mac=captured().mac, tag="main-eth0")
    target = DesiredUplink(captured=captured(), spec=SPEC, interface=interface, rx_mode="interrupt", mtu=1500)
    kinds = {type(intent) for intent in guard_intents([target], NodeConfig(node="n1"), up=True).values()}
    writers = [kind for kind in INTENT_KINDS.values() if kind.intent in kinds]
    assert {kind.intent for kind in writers} == kinds
    needed = {message for kind in writers for message in kind.messages}
    assert set(checks.REQUIRED_VPP_MESSAGES) | {"af_packet_create_v3"} >= needed - _undoing(needed)
    assert set(checks.REQUIRED_VPP_MESSAGES) <= needed


def _undoing(messages: set[str]) -> set[str]:
    """Messages that only take away: without them nothing is kept from being made."""
    return {message for message in messages if "delete" in message}


def test_what_does_not_answer_in_linux_is_not_asked_of_vpp() -> None:
    assert checks.preflight_gateways(["192.0.2.1"], ["192.0.2.1"]).state == FINDING_OK
    silent = checks.preflight_gateways(["192.0.2.1"], [])
    assert (silent.state, "VPPD_PROBE_ADDRESSES" in silent.text) == (FINDING_WARNING, True)
    assert checks.preflight_gateways([], []).state == FINDING_WARNING


def test_a_link_local_gateway_alone_shows_nothing_of_vpp_and_is_named() -> None:
    alone = checks.preflight_gateways(["fe80::1"], ["fe80::1"])
    assert (alone.state, "fe80::1" in alone.text, "VPPD_PROBE_ADDRESSES" in alone.text) == (FINDING_WARNING, True, True)
    assert checks.preflight_gateways(["192.0.2.1", "fe80::1"], ["192.0.2.1", "fe80::1"]).state == FINDING_OK


def test_failures_that_the_operator_accepts_are_waived_by_name() -> None:
    findings = [
        PreflightFinding("vhost-net", FINDING_FAILED, "x"),
        PreflightFinding("kernel", FINDING_FAILED, "y"),
        PreflightFinding("tun", FINDING_OK),
    ]
    waived = waive_preflight_failures(findings, ["vhost-net", "tun"])
    assert [f.state for f in waived] == [FINDING_WAIVED, FINDING_FAILED, FINDING_OK]
    assert preflight_failure_texts(waived) == ["kernel: y"]


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_the_table_fits_the_terminal(width: int) -> None:
    findings = [
        PreflightFinding("vhost-net", FINDING_FAILED, "word " * 40),
        PreflightFinding("kernel", FINDING_OK, "6.1.0"),
        PreflightFinding("state", FINDING_WARNING),
    ]
    lines = preflight_findings_table(findings, width).splitlines()
    assert max(map(len, lines)) <= max(width, 40)
    assert lines[0].startswith("vhost-net  failed")


def test_a_state_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert "nothing is taken" in checks.state_directory_problem(blocked / "guard")
    assert checks.state_directory_problem(tmp_path / "guard") == ""
    assert list((tmp_path / "guard").iterdir()) == []
