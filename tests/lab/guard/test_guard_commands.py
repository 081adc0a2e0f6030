"""The guard's door: what is misconfigured is named, what it would do can be read, what a dead one left is undone."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.iproute import ip, ip_json
from tests.lab.guard.world import World, ping_guard
from tests.waiting import until


@pytest.mark.parametrize(
    ("variable", "value", "code", "why"),
    [
        ("CALICOVPP_INTERFACES", "{}", 2, "no uplinkInterfaces"),
        (
            "CALICOVPP_INTERFACES",
            '{"uplinkInterfaces":[{"interfaceName":"eth0","vppDriver":"afpacket"}]}',
            2,
            "afpacket",
        ),
        ("CALICOVPP_INTERFACES", '{"uplinkInterfaces":[{"interfaceName":"eth0","rx":"two"}]}', 2, "rx"),
        ("CALICOVPP_CONFIG_TEMPLATE", "unix {", 0, "without"),
        ("CALICOVPP_CONFIG_TEMPLATE", "unix { nodaemon }\ndpdk { dev __PCI_DEVICE_ID__ }", 0, "__PCI_DEVICE_ID__"),
        ("VPPD_VPP_BIN", "/nonexistent/vpp", 0, "/nonexistent/vpp: No such file"),
    ],
)
def test_what_is_misconfigured_is_named_and_nothing_is_taken(
    world: World, variable: str, value: str, code: int, why: str
) -> None:
    before = world.linux()
    world.start_guard(**{variable: value})
    until(lambda: why in world.log(), "the guard says why")
    if code == 0:
        world.tell("guard", signal.SIGTERM)
    assert world.processes.pop("guard").wait(timeout=10) == code
    assert world.linux() == before
    assert world.leftovers() == []


def test_without_bus_and_writer_the_uplink_is_not_touched(world: World) -> None:
    before = world.linux()
    world.end("vpp-writer", signal.SIGKILL)
    world.end("bus", signal.SIGKILL)
    world.start_guard()
    until(lambda: "preflight" in world.states(), "the guard runs")
    assert world.end("guard") == 0
    assert world.linux() == before
    assert "captured" not in world.states()


def test_plan_prints_what_would_be_done_and_touches_nothing(world: World) -> None:
    before = world.linux()
    plan = json.loads(world.command("plan").stdout)
    assert [captured["name"] for captured in plan["captured"]] == ["eth0"]
    assert plan["drivers"] == {"eth0": "af_packet"}
    assert {"af-packet", "tap", "route"} <= {intent["kind"] for intent in plan["intents"]}
    assert world.linux() == before


def test_a_guard_and_vpp_that_were_killed_together_are_cleaned_up_after_by_hand(world: World) -> None:
    before = world.linux()
    world.start_guard()
    world.running()
    [vpp] = world.vpps()
    refused = world.command("restore")
    assert (refused.returncode, "a guard runs" in refused.stderr) == (1, True)
    world.end("guard", signal.SIGKILL)
    refused = world.command("restore")
    assert (refused.returncode, "VPP still runs" in refused.stderr) == (1, True)
    os.kill(vpp, signal.SIGKILL)
    until(lambda: world.vpps() == [], "VPP is dead")
    assert world.command("restore").returncode == 0
    assert world.linux() == before
    until(world.answers, "the host answers")
    assert "nothing to restore" in world.command("restore").stderr


def test_explain_needs_neither_bus_nor_vpp_nor_guard_and_fits_a_terminal(world: World) -> None:
    assert "has never run here" in world.command("explain").stdout
    world.start_guard()
    world.running()
    for name in ("guard", "vpp-writer", "bus"):
        world.end(name, signal.SIGKILL)
    for pid in world.vpps():
        os.kill(pid, signal.SIGKILL)
    until(lambda: world.vpps() == [], "VPP is dead")
    text = world.command("explain").stdout
    assert "The guard does not run. It was in state running: killed?" in text
    assert "VPP does not run" in text
    assert "link eth0 is in the network namespace" in text
    assert "vppd guard restore" in text
    assert json.loads(world.command("explain", "--json").stdout)["to_undo"]


def test_the_kernel_does_not_speak_on_the_link_that_vpp_has(world: World) -> None:
    world.start_guard()
    world.running()
    [link] = [x for x in ip_json("addr", netns=world.vpp_netns) if x["ifname"] == "eth0"]
    assert "UP" in link["flags"]
    assert link["addr_info"] == [], "not even a link-local address, which would be VPP's own"


def test_a_preflight_on_a_node_that_vpp_carries_says_so(world: World) -> None:
    world.start_guard()
    world.running()
    command = world.command("preflight")
    assert (command.returncode, "VPP has eth0 already" in command.stdout) == (0, True)


def test_a_preflight_makes_nothing(world: World) -> None:
    until((world.directory / "run" / "bus" / "broker").exists, "the bus is there")
    ip(f"netns del {world.vpp_netns}")

    def everything() -> tuple[object, ...]:
        files = {path for path in world.directory.rglob("*") if "bus" not in path.parts and path.suffix != ".log"}
        return files, world.linux(), Path("/var/run/netns", world.vpp_netns).exists()

    before = everything()
    assert "API messages" in world.command("preflight").stdout
    assert everything() == before


def test_the_console_command_leads_to_the_same(world: World) -> None:
    vppd = Path(sys.executable).with_name("vppd")
    line = ["ip", "netns", "exec", world.host, str(vppd), "guard", "explain"]
    process = subprocess.run(line, env=world.environment, capture_output=True, text=True, check=False)
    assert "has never run here" in process.stdout


def test_annotations_of_the_node_are_waited_for_only_if_a_template_asks_for_them(world: World) -> None:
    template = "comment __NODE_ANNOTATION:example.org/rack__ on __VPP_DATAPLANE_IF__"
    world.start_guard(CALICOVPP_CONFIG_EXEC_TEMPLATE=template)
    until(lambda: "annotations example.org/rack" in ping_guard(world), "the guard says what it waits for")
    assert "captured" not in world.states()
    world.start("kube-watch", "-c", ANNOTATED, world.environment["VPPD_RUN"])
    world.running()
    script = Path(world.environment["VPPD_RUN"], "vpp", "startup.exec").read_text()
    assert script == "comment r7 on eth0"


ANNOTATED = """
import asyncio, sys
from pathlib import Path
from bus.peer import BusPeer
from schemas.facts import NodeAnnotationsFact

async def main():
    async with BusPeer("kube-watch", Path(sys.argv[1]) / "bus") as peer:
        peer.publish("node-annotations", {"n1": NodeAnnotationsFact(annotations={"example.org/rack": "r7"})})
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_scripts_find_the_info_file_of_the_reference(world: World) -> None:
    path = world.directory / "vppmanagerinfofile"
    world.start_guard(VPPD_INFO_FILE=str(path))
    world.running()
    info = json.loads(path.read_text())
    assert info["Status"] == "ready"
    uplink = info["UplinkStatuses"]["eth0"]
    assert uplink["SwIfIndex"] != uplink["TapSwIfIndex"]
    assert (uplink["Mtu"], uplink["FakeNextHopIP4"], uplink["IsMain"]) == (1400, "192.0.2.1", True)
    assert info["PhysicalNets"] == {"": {"VrfID": 0, "PodVrfID": 2}}
    assert world.end("guard") == 0
    assert json.loads(path.read_text())["Status"] == "starting"
