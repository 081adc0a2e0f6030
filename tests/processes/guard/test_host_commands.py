"""Commands by which the host's services are told of files that come and go, and the script that dhclient runs."""

import subprocess
from pathlib import Path

import pytest

from tests.unit.guard.host_tree import Tree
from vppd_guard.host_services.plan import undo_host_files
from vppd_guard.host_services.reload import run_side_by_side
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.undo.records import FileWrittenRecord


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


@pytest.mark.parametrize("reason", ["EXPIRE", "BOUND"])
def test_dhclient_s_script_goes_on_unless_the_link_is_a_tap(tree: Tree, reason: str) -> None:
    """`lo` is none; what it does for a tap is shown with a real one."""
    link = CapturedLink(name="lo", mac="", mtu=1500)
    (tree.root / "etc/dhcp/dhclient-enter-hooks.d").mkdir(parents=True)
    tree.process(15, "dhclient")
    tree.write("/proc/15/cmdline", "dhclient\0lo\0")
    [(path, _)] = tree.placed(link)[0].items()
    script = f". {tree.host.path(path)}; echo went on"
    environment = {"interface": "lo", "reason": reason}
    assert subprocess.run(["sh", "-c", script], env=environment, capture_output=True).stdout == b"went on\n"


def test_a_service_that_does_not_answer_is_words_within_the_limit() -> None:
    commands = {
        "slow": ("sh", "-c", "trap '' TERM; sleep 1000"),
        "child": ("sh", "-c", "sleep 0.1 & exit 0"),
        "sour": ("sh", "-c", "echo no bus >&2; exit 4"),
        "gone": ("/nonexistent",),
        "fine": ("true",),
    }
    words = run_side_by_side(commands, 0.5)
    assert {line.partition(":")[0] for line in words} == {"slow", "sour", "gone"}
    assert any("not done within 0.5 s" in line for line in words)
    assert any("ended with 4: no bus" in line for line in words)


def test_what_was_placed_is_taken_away_and_nothing_else_has_changed(tree: Tree) -> None:
    tree.networkd()
    before = tree.files()
    _, records = tree.placed()
    assert tree.files() != before
    undo_host_files(records, tree.host, tree.words.append)
    assert tree.files() == before
    undo_host_files(records, tree.host, tree.words.append)
    assert tree.files() == before


def test_a_file_of_before_comes_back_as_it_was(tree: Tree) -> None:
    tree.networkd()
    path = "/run/systemd/network/0-vppd-eth0.network"
    tree.write(path, "left by an earlier vppd\n")
    _, records = tree.placed()
    undo_host_files(records, tree.host, tree.words.append)
    assert tree.host.read(path) == "left by an earlier vppd\n"


def test_placed_twice_it_is_still_taken_away(tree: Tree) -> None:
    """A guard was killed; the next one placed the same again."""
    tree.networkd()
    before = tree.files()
    _, first = tree.placed()
    second = [r for step in tree.plan() if isinstance(r := step.undo(), FileWrittenRecord)]
    undo_host_files([*first, *second], tree.host, tree.words.append)
    assert tree.files() == before


def test_a_failing_service_does_not_fail_the_step(tree: Tree) -> None:
    tree.networkd()
    tell = tree.plan()[-1]
    assert tell.title == "tell systemd-networkd"
    tell.do()
    assert tell.holds() == ""
    assert tree.words, "there is no networkctl below this root"
