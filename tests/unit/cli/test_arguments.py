"""Arguments of the console command that it must not take, and commands that it runs for others."""

import argparse

import pytest

from tools.cli.command import count_between
from tools.cli.main import main, split_command


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "x", "", "1001", "９９９９９"])
def test_a_count_out_of_bounds_is_refused_with_the_bounds(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="a number from 1 to 1000"):
        count_between(1, 1000)(text)


def test_a_count_within_bounds_is_taken() -> None:
    assert [count_between(1, 1000)(text) for text in ("1", "1000")] == [1, 1000]


@pytest.mark.parametrize(
    ("words", "own", "command"),
    [
        (["lab", "pod", "exec", "web", "--name", "x", "--", "ip", "-4", "--", "a"], 6, ["ip", "-4", "--", "a"]),
        (["status"], 1, []),
        (["status", "--"], 1, []),
    ],
)
def test_what_is_behind_two_dashes_is_a_command_of_its_own(words: list[str], own: int, command: list[str]) -> None:
    assert split_command(words) == (words[:own], command)


def test_a_command_where_none_is_run_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["status", "--", "reboot"])
    assert ended.value.code == 2
    assert "no command is run here: -- reboot" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["bus", "--rows", "0"],
        ["services", "--endpoints", "-1"],
        ["writer", "--soak", "10"],
        ["policy", "--members", "x"],
    ],
)
def test_an_impossible_measurement_is_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", *words])
    assert ended.value.code == 2
    assert "a number from" in capsys.readouterr().err
