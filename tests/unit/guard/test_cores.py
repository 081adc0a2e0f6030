"""Core files are bounded and only VPP's own; its last words are found in its log."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vppd_guard.undo.records import KernelSetRecord
from vppd_guard.vpp.cores import (
    LINE_MAX,
    LINES_MAX,
    BadCorePattern,
    core_files,
    core_pattern_step,
    post_mortem,
    prune_vpp_cores,
    vpp_last_words,
)

CRASH = """\
linux_epoll_file_update: epoll
\x1b[91mreceived signal SIGSEGV, PC 0x7f6c2a1f0b1c, faulting address 0x10\x1b[0m
Code:  48 8b 40 10 c3 66 0f 1f 84 00 00 00 00 00 55 48 89 e5 41 57
#0  0x00007f6c2a1f0b1c ip4_lookup_node_fn + 0x3c
     from /usr/lib/libvnet.so.26.10
#1  0x00007f6c2a0c1111 dispatch_node + 0x211
Aborted (core dumped)
"""


def core(directory: Path, name: str, age_s: int, size: int = 4096) -> Path:
    path = directory / name
    path.write_bytes(b"x" * size)
    os.utime(path, (1_000_000 - age_s, 1_000_000 - age_s))
    return path


def test_the_two_newest_cores_of_the_pattern_stay(tmp_path: Path) -> None:
    cores = [core(tmp_path, f"vppcore.vpp_main.{n}", age_s=n) for n in range(5)]
    foreign = core(tmp_path, "postgres.core", age_s=100)
    (tmp_path / "vppcore.directory").mkdir()
    assert prune_vpp_cores(f"{tmp_path}/vppcore.%e.%p") == cores[2:]
    assert core_files(f"{tmp_path}/vppcore.%e.%p") == cores[:2]
    assert foreign.exists()
    assert prune_vpp_cores(f"{tmp_path}/vppcore.%e.%p") == []


def test_together_they_are_no_larger_than_the_bound_but_the_newest_stays(tmp_path: Path) -> None:
    cores = [core(tmp_path, f"vppcore.{n}", age_s=n, size=100_000) for n in range(2)]
    assert prune_vpp_cores(f"{tmp_path}/vppcore.%p", bytes_max=50_000) == cores[1:]
    assert cores[0].exists()


@pytest.mark.parametrize("pattern", ["|/usr/lib/systemd/systemd-coredump %P", "core", "{}/%e.core", "{}/%h/core.%p"])
def test_no_file_is_touched_if_the_pattern_does_not_say_which_are_ours(tmp_path: Path, pattern: str) -> None:
    file = core(tmp_path, "core.1", age_s=1)
    assert core_files(pattern.format(tmp_path)) == []
    assert file.exists()


def test_a_directory_that_is_not_there_has_no_cores(tmp_path: Path) -> None:
    assert prune_vpp_cores(f"{tmp_path}/none/vppcore.%p") == []


def test_the_pattern_is_set_and_what_was_before_is_known(tmp_path: Path) -> None:
    path = tmp_path / "core_pattern"
    path.write_text("core\n")
    step = core_pattern_step("/var/lib/vpp/vppcore.%e.%p", path)
    assert step is not None
    assert step.undo() == KernelSetRecord(path=str(path), before="core")
    assert step.holds() == "says 'core'"
    step.do()
    assert step.holds() == ""
    assert path.read_text() == "/var/lib/vpp/vppcore.%e.%p\n"


def test_without_a_pattern_nothing_is_set() -> None:
    assert core_pattern_step("") is None


@pytest.mark.parametrize("pattern", ["/" + "x" * 127, "/a\n/b"])
def test_a_pattern_that_the_kernel_would_cut_is_refused(pattern: str) -> None:
    with pytest.raises(BadCorePattern, match="corePattern"):
        core_pattern_step(pattern)


def test_the_signal_and_the_backtrace_are_vpp_s_last_words(tmp_path: Path) -> None:
    log = tmp_path / "vpp.log"
    log.write_text("starting\n" + CRASH.replace("SIGSEGV", "SIGBUS") + "starting again\n" * 3 + CRASH)
    words = vpp_last_words(log)
    assert words[0] == "received signal SIGSEGV, PC 0x7f6c2a1f0b1c, faulting address 0x10"
    assert words[2] == "#0  0x00007f6c2a1f0b1c ip4_lookup_node_fn + 0x3c"
    assert words[3] == "from /usr/lib/libvnet.so.26.10"
    assert words[-1] == "Aborted (core dumped)"
    assert len(words) == 6


def test_an_assertion_comes_before_the_signal_that_it_raises() -> None:
    text = (
        "x\n/src/vlib/buffer.c:12 (f) assertion `ASSERT (a)' fails\nreceived signal SIGABRT, PC 0x1\n#0  0x0001 raise"
    )
    assert [line[:8] for line in post_mortem(text)] == ["/src/vli", "received", "#0  0x00"]


def test_a_log_without_a_death_has_no_last_words(tmp_path: Path) -> None:
    assert post_mortem("vpp# show version\n") == []
    assert vpp_last_words(tmp_path / "none") == []


@given(st.text())
def test_whatever_the_log_says_the_words_are_few_and_short(text: str) -> None:
    words = post_mortem(CRASH + text + "#1  0x00 a\n" * 1000 + "#1  0x00" + "b" * 1000)
    assert len(words) <= LINES_MAX
    assert max(map(len, words)) <= LINE_MAX
