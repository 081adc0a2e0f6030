"""startup.conf and the notation of the API."""

from pathlib import Path

import pytest

from tools.vppsim.api.notation import NotationError, parse
from tools.vppsim.main import main
from tools.vppsim.startup import StartupError, parse_config

REAL = """
unix {
  nodaemon            # stay in front
  full-coredump
  cli-listen /var/run/vpp/cli.sock
  pidfile /run/vpp/vpp.pid exec /etc/vpp/startup.exec
}
api-trace { on }
cpu { workers 0 }
socksvr { socket-name /var/run/vpp/vpp-api.sock }
plugins {
  plugin default { enable }
  plugin dpdk_plugin.so { disable } plugin ping_plugin.so { disable }
}
dpdk { dev 0000:00:01.0 { num-rx-queues 1 } no-hugetlb }
buffers { buffers-per-numa 131072 }
"""


def test_the_configuration_of_a_real_node_is_understood() -> None:
    startup = parse_config(REAL)
    assert startup.api_socket == Path("/var/run/vpp/vpp-api.sock")
    assert startup.cli_socket == Path("/var/run/vpp/cli.sock")
    assert startup.pid_file == Path("/run/vpp/vpp.pid")
    assert startup.exec_file == Path("/etc/vpp/startup.exec")
    assert not startup.answers_ping


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("", True),
        ("plugins { plugin default { enable } }", True),
        ("plugins { plugin default { disable } }", False),
        ("plugins { plugin default { disable } plugin ping_plugin.so { enable } }", True),
    ],
)
def test_pings_are_answered_if_the_ping_plugin_is_on(text: str, answers: bool) -> None:
    assert parse_config(text).answers_ping is answers


def test_sockets_are_in_the_runtime_directory_unless_said_otherwise() -> None:
    assert parse_config("unix { runtime-dir /tmp/one }").api_socket == Path("/tmp/one/api.sock")
    assert parse_config("").api_socket == Path("/run/vpp/api.sock")


@pytest.mark.parametrize("text", ["unix {", "unix { nodaemon } }", "{ }"])
def test_braces_that_do_not_match_are_one_clear_error(text: str) -> None:
    with pytest.raises(StartupError, match="brace"):
        parse_config(text)


def test_a_bad_configuration_ends_the_process_with_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "startup.conf"
    file.write_text("unix {")
    assert main(["-c", str(file)]) == 1
    assert main(["-c", str(tmp_path / "absent")]) == 1
    assert capsys.readouterr().err.count(" error vppsim bad_configuration ") == 2


def test_help_says_that_it_is_not_for_production(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "not for production" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("text", ["rhubarb x 1: u8 y", "type t: u8", "call ??"])
def test_the_notation_refuses_what_it_does_not_know(text: str) -> None:
    with pytest.raises((NotationError, IndexError)):
        parse(text)


def test_the_notation_becomes_vpps_json() -> None:
    words = parse(
        """
        stream bird_get 0badf00d: u32 cursor=7   # with a comment
          reply 11223344: u32 cursor
          details bird_details 55667788: string[16] name, u8 n, \\
                  u32[n] wings
        """
    )
    assert words.services == {"bird_get": {"reply": "bird_get_reply", "stream": True, "stream_msg": "bird_details"}}
    assert words.messages["bird_get"] == [
        "bird_get",
        ["u16", "_vl_msg_id"],
        ["u32", "client_index"],
        ["u32", "context"],
        ["u32", "cursor", {"default": 7}],
        {"crc": "0x0badf00d"},
    ]
    assert words.messages["bird_details"][3:6] == [["string", "name", 16], ["u8", "n"], ["u32", "wings", 0, "n"]]
