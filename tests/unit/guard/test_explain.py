"""What `vppd guard explain` says, and the history that it reads."""

from pathlib import Path

from vppd_guard.linux.captured import CapturedLink, LinuxAddress
from vppd_guard.report import history
from vppd_guard.report.explain import ExplainedHost, guard_explanation, wrap_report_lines
from vppd_guard.report.history import GuardHistory
from vppd_guard.report.history_line import GuardHistoryLine
from vppd_guard.undo.records import LinkMovedRecord, UplinkCapturedRecord, VppStartedRecord

CAPTURED = CapturedLink(
    name="eth0", mac="02:90:00:00:00:01", mtu=1500, addresses=(LinuxAddress(address="192.0.2.7/24"),)
)
RECORDS = [UplinkCapturedRecord(CAPTURED), LinkMovedRecord("eth0", "calico-vpp-ns"), VppStartedRecord(17, 4711)]
WHY = "192.0.2.1: no answer through VPP within 10 s: the NIC is given back"
ROLLED_BACK = [
    GuardHistoryLine(at=100.0, what="the guard starts"),
    GuardHistoryLine(at=101.0, state="up", event="done", to="configured"),
    GuardHistoryLine(at=111.0, state="configured", event="failed", to="restoring", why=WHY, took_ms=10_000, failures=2),
    GuardHistoryLine(at=111.2, state="restoring", event="done", to="resting", wait_s=5.0, failures=2),
]


def test_a_node_whose_nic_was_given_back_is_told_why_and_what_comes_next() -> None:
    text = guard_explanation(ROLLED_BACK, [], ExplainedHost(time=112.2, guard_pid=5), "/state/undo.journal")
    assert "(process 5) is in state resting" in text
    assert "until 4 s from now" in text
    assert WHY in text
    assert "2 failures in a row" in text
    assert "take them again" in text
    assert "Nothing of the host is changed now." in text
    assert "configured -> restoring (failed after 10.0 s)" in text


def test_a_dead_guard_leaves_a_list_of_what_is_to_be_undone_and_how() -> None:
    lines = [*ROLLED_BACK[:2], GuardHistoryLine(at=103.0, state="configured", event="done", to="running")]
    text = guard_explanation(lines, RECORDS, ExplainedHost(time=200.0), "/state/undo.journal")
    assert "The guard does not run. It was in state running: killed?" in text
    assert "uplink eth0 (driver af_packet, MTU 1500): 192.0.2.7/24" in text
    assert "link eth0 is in the network namespace calico-vpp-ns" in text
    assert "vppd guard restore" in text


def test_a_node_on_which_all_is_well_shows_no_old_trouble() -> None:
    lines = [*ROLLED_BACK, GuardHistoryLine(at=130.0, state="configured", event="done", to="running")]
    text = guard_explanation(lines, RECORDS, ExplainedHost(time=500.0, guard_pid=5, vpp_pid=17), "j", last=1)
    assert "VPP runs (process 17)" in text
    assert "Last trouble" not in text


def test_on_a_narrow_terminal_lines_go_on_below_their_own_words() -> None:
    text = wrap_report_lines(
        guard_explanation(ROLLED_BACK, RECORDS, ExplainedHost(time=112.2), "/var/lib/vppd/guard/undo.journal"), 60
    )
    assert max(map(len, text.splitlines())) <= 60
    lines = text.splitlines()
    at = next(number for number, line in enumerate(lines) if "configured -> restoring" in line)
    assert lines[at + 1].startswith(" " * 13)
    assert "the NIC is given back" in " ".join(text.split())


def test_without_any_history_it_says_so() -> None:
    assert "has never run here" in guard_explanation([], [], ExplainedHost(time=1.0), "j")


def test_the_history_survives_damage_and_is_kept_short(tmp_path: Path) -> None:
    book = GuardHistory(tmp_path / "guard")
    for line in ROLLED_BACK:
        book.add(line)
    with book.path.open("ab") as handle:
        handle.write(b'{"at": tor\n')
    assert book.read() == ROLLED_BACK
    while book.path.stat().st_size < history.BYTES_MAX - 400:
        book.add(GuardHistoryLine(at=1.0, what="x" * 300))
    for number in range(4):
        book.add(GuardHistoryLine(at=float(number), what="y" * 300))
    assert book.path.stat().st_size < history.BYTES_MAX
    assert book.read()[-1].at == 3.0


def test_a_history_that_cannot_be_written_costs_nothing_but_itself(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    book = GuardHistory(blocked)
    book.add(GuardHistoryLine(at=1.0))
    assert book.read() == []
