"""What goes wrong on real nodes: the host keeps its connectivity, or gets it back, and is told why."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.iproute import ip
from tests.lab.guard.world import GATEWAY4, GATEWAY6, HOST4, HOST_MAC, REAL, World, measured, ping_guard
from tests.waiting import until
from vppd_guard.undo.journal import UndoJournal
from vppd_guard.undo.records import UndoRecord, UplinkCapturedRecord

BACK_MS_MAX = 10_000
NOT_FORWARDING_MS_MAX = 60_000


def program(world: World, text: str) -> str:
    """A program in place of VPP."""
    path = world.directory / "odd-vpp"
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def after_the_trial(body: str) -> str:
    """VPP itself for the guard's trial, which has a directory of its own; `body` for the takeover."""
    vpp = REAL or str(Path(sys.executable).with_name("vppsim"))
    return f"import os, sys, time\nif '/trial/' in sys.argv[2]: os.execv({vpp!r}, [{vpp!r}, *sys.argv[1:]])\n{body}\n"


def rests(world: World) -> list[float]:
    return [line.wait_s for line in world.history() if line.to == "resting"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("sys.exit(7)", "exited with code 7"),
        ("os.abort()", "killed by SIGABRT"),
        ("print('clib_panic: no memory'); sys.exit(1)", "exited with code 1"),
    ],
)
def test_a_vpp_that_exits_at_once_leaves_the_host_as_it_was(world: World, body: str, why: str) -> None:
    before = world.linux()
    with world.pinged() as result:
        world.start_guard(VPPD_VPP_BIN=program(world, after_the_trial(body)))
        until(lambda: len(rests(world)) >= 3, "three tries")
        until(world.answers, "the host answers in between")
    measured(f"VPP {why}", "taken", result)
    assert result["longest_gap_ms"] < BACK_MS_MAX
    assert rests(world)[:3] == [0.0, 0.5, 2.0]
    assert why in world.command("explain").stdout
    assert world.end("guard") == 0
    assert world.linux() == before
    assert world.leftovers() == []


def test_a_vpp_that_never_answers_is_ended_and_the_host_is_back(world: World) -> None:
    before = world.linux()
    body = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: time.sleep(60)"
    with world.pinged() as result:
        world.start_guard(VPPD_VPP_BIN=program(world, after_the_trial(body)))
        until(lambda: rests(world), "given up")
        until(world.answers, "the host answers again")
    measured("VPP hangs at its start", "taken", result)
    assert result["longest_gap_ms"] < NOT_FORWARDING_MS_MAX
    assert "does not accept API clients" in world.command("explain").stdout
    world.end("guard")
    assert world.linux() == before
    assert world.leftovers() == []


def test_a_vpp_that_cannot_even_start_is_found_out_before_the_host_is_touched(world: World) -> None:
    with world.pinged() as result:
        world.start_guard(VPPD_VPP_BIN=program(world, "print('vpp: libvppinfra.so: not found')\nraise SystemExit(127)"))
        until(lambda: rests(world), "refused")
    assert result["lost"] == 0
    assert "captured" not in world.states()
    text = world.command("explain").stdout
    assert "exited with code 127" in text
    assert "libvppinfra.so: not found" in text


def test_a_vpp_that_hangs_later_loses_the_uplink_again(world: World) -> None:
    world.start_guard(VPPD_FORWARD_WAIT="3")
    world.running()
    [vpp] = world.vpps()
    with world.pinged() as result:
        os.kill(vpp, signal.SIGSTOP)
        until(lambda: rests(world), "the uplink is given back")
        until(world.answers, "the host answers")
    measured("VPP hangs (SIGSTOP), 3 s allowed", "running", result)
    assert result["longest_gap_ms"] < NOT_FORWARDING_MS_MAX
    [why] = [line.why for line in world.history() if line.event == "silent"]
    assert "though it answers on the wire beside VPP" in why
    world.running()
    assert world.vpps() != [vpp]


def test_a_network_that_fails_is_not_blamed_on_vpp(world: World) -> None:
    world.start_guard(VPPD_FORWARD_WAIT="2")
    world.running()
    [vpp] = world.vpps()
    ip(f"addr del {GATEWAY4}/24 dev lan0", netns=world.lan)
    ip(f"-6 addr del {GATEWAY6}/64 dev lan0", netns=world.lan)
    until(lambda: "the network has failed, not VPP" in ping_guard(world), "the guard says that it is the network")
    assert world.vpps() == [vpp]
    ip(f"addr add {GATEWAY4}/24 dev lan0", netns=world.lan)
    ip(f"addr add {GATEWAY6}/64 dev lan0 nodad", netns=world.lan)
    until(lambda: "no answer" not in ping_guard(world), "all is well again")
    until(world.answers, "the host answers")
    assert "VPP forwards" in world.command("explain").stdout
    assert world.vpps() == [vpp]
    assert rests(world) == []


def test_a_guard_that_adopts_vpp_while_the_network_is_away_leaves_it_alone(world: World) -> None:
    world.start_guard()
    [vpp] = until(lambda: world.running().vpps(), "VPP runs")
    ip(f"addr del {GATEWAY4}/24 dev lan0", netns=world.lan)
    ip(f"-6 addr del {GATEWAY6}/64 dev lan0", netns=world.lan)
    world.end("guard", signal.SIGKILL)
    world.start_guard(VPPD_GATEWAY_WAIT="1")
    world.running()
    assert world.vpps() == [vpp]
    assert rests(world) == []


def test_if_the_gateway_does_not_answer_through_vpp_the_nic_is_given_back_and_the_reason_kept(world: World) -> None:
    before = world.linux()
    silence = f"ip netns exec {world.lan} ip addr del {GATEWAY4}/24 dev lan0"
    speech = f"ip netns exec {world.lan} ip addr add {GATEWAY4}/24 dev lan0"
    once = f'if [ ! -e {world.directory}/once ]; then touch {world.directory}/once; echo "now"; {silence}; fi'
    world.start_guard(
        VPPD_GATEWAY_WAIT="2", CALICOVPP_HOOK_VPP_RUNNING=once, CALICOVPP_HOOK_VPP_ERRORED=f"{speech}; true"
    )
    until(lambda: rests(world), "given back")
    why = next(line.why for line in world.history() if line.state == "configured" and line.event == "failed")
    assert f"{GATEWAY4}: no answer through VPP within 2 s" in why
    assert why in world.command("explain").stdout
    assert "line=now" in world.log(), "a hook's words are in the log"
    world.running()
    until(world.answers, "the host answers")
    assert world.end("guard") == 0
    assert world.linux() == before


def test_without_room_for_the_undo_journal_nothing_is_touched(world: World) -> None:
    state = world.directory / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1536k", "tmpfs", str(state)], check=True)
    fill = state / "full"
    with world.pinged() as result:
        with fill.open("wb") as handle:
            handle.write(bytes(1024 * 1024))
        world.start_guard()
        until(lambda: "too few for the undo journal" in world.log(), "refused in words")
    assert result["lost"] == 0
    fill.unlink()
    world.running()


def test_a_disk_that_fills_up_in_the_middle_of_a_takeover_ends_on_plain_linux(world: World) -> None:
    before = world.linux()
    state = world.directory / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(state)], check=True)
    once = f"if [ ! -e {world.directory}/once ]; then touch {world.directory}/once; dd if=/dev/zero of={state}/full; fi"
    with world.pinged() as result:
        # This hook runs when the first records are on disk, and the link has not been touched yet.
        world.start_guard(CALICOVPP_HOOK_BEFORE_VPP_RUN=f"{once}; true")
        until(lambda: "o space" in world.log(), "no room for a record")
        until(lambda: (state / "full").exists() and world.answers(), "the host answers")
        (state / "full").unlink()
        world.running()
    measured("disk full for the journal", "captured", result)
    assert result["longest_gap_ms"] < BACK_MS_MAX
    assert world.end("guard") == 0
    assert world.linux() == before
    assert world.leftovers() == []


def test_a_nic_that_disappears_and_comes_back_gets_its_configuration_back(world: World) -> None:
    before = world.linux()
    world.start_guard()
    world.running()
    ip("link del lan0", netns=world.lan)
    until(lambda: "lost" in world.states(), "the guard knows that it is gone")
    assert "no such device any more" in world.command("explain").stdout
    world.wire("eth0", "lan0", HOST_MAC)
    for text in (f"{GATEWAY4}/24", f"{GATEWAY6}/64 nodad"):
        ip(f"addr add {text} dev lan0", netns=world.lan)
    until(lambda: world.states()[-1] == "running", "VPP carries the host again")
    until(world.answers, "the host answers")
    assert world.end("guard") == 0
    assert world.linux() == before
    assert world.leftovers() == []


def test_a_nic_that_stays_away_keeps_its_place_in_the_journal_and_the_guard_can_be_stopped(world: World) -> None:
    world.start_guard()
    world.running()
    ip("link del lan0", netns=world.lan)
    until(lambda: "lost" in world.states(), "the guard knows that it is gone")
    assert world.end("guard") == 1
    assert world.vpps() == []
    assert "vppd guard restore" in world.command("explain").stdout
    refused = world.command("restore")
    assert (refused.returncode, "no such device" in refused.stderr) == (1, True)


def test_after_a_reboot_the_host_keeps_what_it_was_configured_with_then(world: World) -> None:
    world.start_guard()
    [vpp] = until(lambda: world.running().vpps(), "VPP runs")
    world.end("guard", signal.SIGKILL)
    os.kill(vpp, signal.SIGKILL)
    until(lambda: world.vpps() == [] and "eth0" not in ip("-br link", netns=world.host), "VPP and its tap are gone")
    journal = UndoJournal(world.directory / "state" / "guard")
    records = [_of_an_earlier_boot(record) for record in journal.read()]
    journal.clear()
    for record in records:
        journal.append(record)
    ip(f"link set eth0 netns {world.host}", netns=world.vpp_netns)
    ip("link set eth0 up promisc off", netns=world.host)
    ip("addr add 192.0.2.77/24 dev eth0", netns=world.host)
    ip(f"route add default via {GATEWAY4} dev eth0", netns=world.host)
    world.start_guard()
    world.running()
    until(lambda: world.answers("192.0.2.77"), "the host answers by its new address")
    assert world.end("guard") == 0
    assert [address for address, _, scope in world.linux()["addresses"] if scope == "global"] == ["192.0.2.77"]
    assert world.leftovers() == []


def _of_an_earlier_boot(record: UndoRecord) -> UndoRecord:
    if not isinstance(record, UplinkCapturedRecord):
        return record
    captured_at = record.uplink.taken
    assert captured_at is not None
    return replace(record, uplink=replace(record.uplink, taken=replace(captured_at, boot="an earlier one")))


def test_hooks_that_hang_or_fail_hold_nothing_up(world: World) -> None:
    hang = "echo it hangs; sleep 1000"
    fail = "echo $0 $1; exit 3"
    world.start_guard(VPPD_HOOK_WAIT="0.5", CALICOVPP_HOOK_BEFORE_VPP_RUN=hang, CALICOVPP_HOOK_VPP_RUNNING=fail)
    world.running()
    assert "it hangs" in world.log()
    assert 'line="VPP_RUNNING eth0"' in world.log()
    assert world.answers(HOST4)
    assert world.end("guard") == 0


def test_preflight_prints_a_table_for_people_and_for_machines_and_touches_nothing(world: World) -> None:
    before = world.linux()
    people = world.command("preflight")
    assert people.returncode == 0, people.stdout + people.stderr
    assert max(map(len, people.stdout.splitlines())) <= 80
    assert "192.0.2.7/24" in people.stdout
    machines = json.loads(world.command("preflight", "--json").stdout)
    assert {"kernel", "capabilities", "vpp", "writer", "gateway", "uplink eth0", "driver eth0"} <= {
        finding["check"] for finding in machines
    }
    assert world.linux() == before
    world.end("vpp-writer", signal.SIGKILL)
    assert world.command("preflight").returncode == 1


def test_vpps_own_words_are_in_the_guards_log(world: World) -> None:
    body = "print('vpp: I say this', flush=True)\ntime.sleep(0.2)\nsys.exit(3)"
    world.start_guard(VPPD_VPP_BIN=program(world, after_the_trial(body)))
    until(lambda: 'says="vpp: I say this"' in world.log(), "VPP's words in the guard's log")


def test_the_last_words_of_a_vpp_that_crashed_are_kept_and_told(world: World) -> None:
    world.start_guard()
    [vpp] = until(lambda: world.running().vpps(), "VPP runs")
    os.kill(vpp, signal.SIGSEGV)
    until(lambda: "restoring" in world.states(), "the guard knows that it has ended")
    world.running()
    assert any(why in world.log() for why in ("VPP killed by SIGSEGV", "VPP exited with code", "VPP killed by SIGABRT"))
    line = ["ip", "netns", "exec", world.host, sys.executable, "-c", LAST_WORDS, world.environment["VPPD_RUN"]]
    words = subprocess.run(line, capture_output=True, text=True, timeout=30, check=True).stdout
    assert ("SIGSEGV" in words) is bool(REAL), f"VPP says why it died, vppsim does not: {words}"


def test_signals_that_are_vpps_business_are_forwarded(world: World) -> None:
    world.start_guard()
    [vpp] = until(lambda: world.running().vpps(), "VPP runs")
    world.tell("guard", signal.SIGHUP)
    until(lambda: world.vpps() not in ([], [vpp]), "VPP has ended by it, and another one runs")
    world.running()
    until(world.answers, "the host answers")


def test_a_stop_by_supervisord_gives_everything_back(world: World) -> None:
    before = world.linux()
    conf = world.directory / "supervisord.conf"
    conf.write_text(SUPERVISORD.format(directory=world.directory, python=sys.executable))
    world.environment["CALICOVPP_INTERFACES"] = json.dumps({"uplinkInterfaces": world.uplinks})
    world.start("supervisord", "-m", "supervision", "-n", "-c", str(conf))
    world.running()
    [vpp] = world.vpps()
    os.kill(_pid(world), signal.SIGKILL)
    until(lambda: world.states().count("running") == 2, "supervisord has started another, which adopts VPP")
    assert world.vpps() == [vpp]
    guard = _pid(world)
    with world.pinged() as result:
        supervisorctl(world, "signal RTMIN guard")
        until(lambda: world.states().count("running") == 3, "it has handed over")
    measured("supervisorctl signal RTMIN", "running", result)
    assert (result["lost"], world.vpps(), _pid(world)) == (0, [vpp], guard)
    with world.pinged() as result:
        supervisorctl(world, "stop guard")
        until(world.answers, "the host answers")
    measured("supervisorctl stop", "running", result)
    assert result["longest_gap_ms"] < BACK_MS_MAX
    assert world.linux() == before
    assert world.leftovers() == []
    supervisorctl(world, "start guard")
    world.running()
    until(world.answers, "the host answers")
    assert world.end("supervisord") == 0
    assert world.linux() == before


def supervisorctl(world: World, words: str) -> None:
    conf = str(world.directory / "supervisord.conf")
    line = [sys.executable, "-m", "supervisor.supervisorctl", "-c", conf, *words.split()]
    subprocess.run(line, check=True, capture_output=True, timeout=30)


def _pid(world: World) -> int:
    """The guard that supervisord has started."""
    return int((world.directory / "run" / "guard.lock").read_text())


SUPERVISORD = """
[supervisord]
pidfile={directory}/supervisord.pid
logfile={directory}/supervisord.log
[unix_http_server]
file={directory}/supervisor.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{directory}/supervisor.sock
[program:guard]
command={python} -m vppd_guard
autorestart=true
stopwaitsecs=10
stopasgroup=false
killasgroup=false
redirect_stderr=true
stdout_logfile={directory}/guard.log
"""
LAST_WORDS = """
import asyncio, sys
from pathlib import Path
from bus.peer import BusPeer

async def main():
    async with BusPeer("tool-words", Path(sys.argv[1]) / "bus") as peer:
        peer.subscribe("vpp")
        async with asyncio.timeout(10):
            while not (rows := peer.rows("vpp")):
                await peer.changes(1.0)
        print(*rows["vpp"].last_words)

asyncio.run(main())
"""
