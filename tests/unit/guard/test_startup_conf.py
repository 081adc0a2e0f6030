"""VPP's configuration from the user's template: ours where it must be, the user's everywhere else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.config import DEFAULT_STARTUP_CONF, NodeConfig, UplinkSpec
from vppd_guard.drivers.registry import uplink_driver_named
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.vpp.conf_tree import StartupConfEdits, parse_startup_conf
from vppd_guard.vpp.startup_conf import (
    BadStartupTemplate,
    StartupConfUplink,
    VppStartupFiles,
    render_vpp_startup_files,
    replace_template_tokens,
    template_annotation_keys,
)

# The template of the reference's manifests (yaml/base).
REFERENCE = """\
unix {
  nodaemon
  full-coredump
  cli-listen /var/run/vpp/cli.sock
  pidfile /run/vpp/vpp.pid
  exec /etc/vpp/startup.exec
}
api-trace { on }
cpu {
    workers 0
}
socksvr {
    socket-name /var/run/vpp/vpp-api.sock
}
plugins {
    plugin default { enable }
    plugin dpdk_plugin.so { disable }
    plugin ping_plugin.so { disable }
    plugin bpf_trace_filter.so { enable }
}
buffers {
    buffers-per-numa 131072
}
"""


def uplink(
    driver: str = "af_packet", name: str = "eth0", pci: str = "0000:3b:00.0", **fields: int
) -> StartupConfUplink:
    spec = UplinkSpec(interfaceName=name, vppDriver=driver, **fields)  # type: ignore[arg-type]
    return StartupConfUplink(
        CapturedLink(name=name, mac="02:90:00:00:00:07", mtu=1500, pci=pci), spec, uplink_driver_named(driver)
    )


def rendered(
    template: str, *uplinks: StartupConfUplink, script: str = "", hugepages: bool = True, cpu: str = ""
) -> VppStartupFiles:
    config = NodeConfig(run=Path("/run/x"), startup_conf=template, startup_exec=script)
    annotations = {"example.org/nic": "0000:5e:00.0"}
    return render_vpp_startup_files(
        config, uplinks or [uplink()], annotations=annotations, first_cpu=cpu, has_hugepages=hugepages
    )


def added(template: str, *uplinks: StartupConfUplink, hugepages: bool = True) -> list[str]:
    """The lines of the result that the template has not."""
    before = template.splitlines()
    return [line for line in rendered(template, *uplinks, hugepages=hugepages).conf.splitlines() if line not in before]


def test_the_default_template_needs_no_change() -> None:
    result = rendered(DEFAULT_STARTUP_CONF)
    assert result.conf == DEFAULT_STARTUP_CONF.replace("__VPPD_RUN__", "/run/x")
    assert result.warnings == ()


def test_the_reference_s_template_is_changed_where_our_processes_meet_vpp_and_nowhere_else() -> None:
    result = rendered(REFERENCE)
    lines, before = result.conf.splitlines(), REFERENCE.splitlines()
    assert [line for line in lines if line not in before] == [
        "  cli-listen /run/x/vpp/cli.sock",
        "  pidfile /run/x/vpp/vpp.pid",
        "  exec /run/x/vpp/startup.exec",
        "  runtime-dir /run/x/vpp",
        "  nosyslog",
        "    socket-name /run/x/vpp/vpp-api.sock",
        "statseg { socket-name /run/x/vpp/stats.sock }",
        "cnat { session-max 1048576 session-max-age 120 session-cleanup-timeout 0.01 }",
    ]
    assert [line for line in before if line not in lines] == [
        "  cli-listen /var/run/vpp/cli.sock",
        "  pidfile /run/vpp/vpp.pid",
        "  exec /etc/vpp/startup.exec",
        "    socket-name /var/run/vpp/vpp-api.sock",
    ]
    assert result.warnings == (
        "CALICOVPP_CONFIG_TEMPLATE: unix: cli-listen /var/run/vpp/cli.sock is /run/x/vpp/cli.sock here",
        "CALICOVPP_CONFIG_TEMPLATE: unix: pidfile /run/vpp/vpp.pid is /run/x/vpp/vpp.pid here",
        "CALICOVPP_CONFIG_TEMPLATE: socksvr: socket-name /var/run/vpp/vpp-api.sock is /run/x/vpp/vpp-api.sock here",
        "CALICOVPP_CONFIG_TEMPLATE: unix: exec /etc/vpp/startup.exec is /run/x/vpp/startup.exec here",
    )


def test_rendering_what_was_rendered_changes_nothing() -> None:
    for driver in ("af_packet", "dpdk"):
        once = rendered(REFERENCE, uplink(driver), hugepages=False)
        again = rendered(once.conf, uplink(driver), hugepages=False)
        assert (again.conf, again.warnings) == (once.conf, ())


def test_every_occurrence_of_a_setting_is_ours() -> None:
    twice = "unix { nodaemon nosyslog cli-listen a }\nunix { cli-listen b startup-config /etc/vpp/startup.exec }\n"
    text = rendered(twice).conf
    assert text.startswith(
        "unix { nodaemon nosyslog cli-listen /run/x/vpp/cli.sock }\n"
        "unix { cli-listen /run/x/vpp/cli.sock startup-config /run/x/vpp/startup.exec"
        " runtime-dir /run/x/vpp pidfile /run/x/vpp/vpp.pid }\n"
    )


def test_a_socket_that_is_left_to_vpp_s_default_is_named_after_it() -> None:
    text = rendered("unix { nodaemon }\nsocksvr { default }\n").conf
    assert "socksvr { default socket-name /run/x/vpp/vpp-api.sock }" in text


def test_vpp_stays_our_child() -> None:
    result = rendered("unix { full-coredump }\n")
    assert " nodaemon" in result.conf
    assert any("nodaemon added" in warning for warning in result.warnings)
    assert "nodaemon" not in rendered("unix { interactive }\n").conf


def test_a_startup_exec_of_the_user_s_own_stays() -> None:
    template = "unix { nodaemon exec /etc/vpp/mine.exec }\n"
    assert "exec /etc/vpp/mine.exec" in rendered(template).conf
    result = rendered(template, script="show version\n")
    assert any("CALICOVPP_CONFIG_EXEC_TEMPLATE is not run" in warning for warning in result.warnings)


def test_cnat_s_limits_are_the_user_s_if_there_are_any() -> None:
    assert rendered("cnat { session-max 7 }\n").conf.count("cnat") == 1


def test_comments_are_neither_stanzas_nor_braces() -> None:
    template = "# cnat { } and an open {\nunix { # } cli-listen nowhere\n nodaemon\n}\n"
    text = rendered(template).conf
    assert text.startswith("# cnat { } and an open {\nunix { # } cli-listen nowhere\n nodaemon\n")
    assert "\ncnat { session-max 1048576" in text


def test_a_template_without_a_last_newline_is_not_run_together() -> None:
    text = rendered("unix { nodaemon } # the end").conf
    assert "# the end\n" in text
    assert (
        len([*parse_startup_conf(text, "text").blocks("cnat")])
        == len([*parse_startup_conf(text, "text").blocks("statseg")])
        == 1
    )


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("unix { a", "line 1"),
        ("unix {\n a {\n}", "1 '{' without '}', the last one in line 1"),
        ("unix {\n}\n}", "line 3: '}' without '{'"),
        ("unix { log __NO_SUCH__ }", "line 1: __NO_SUCH__ has no value here"),
        ("a\nunix { log __NODE_ANNOTATION:other.org/x__ }", "line 2: __NODE_ANNOTATION:other.org/x__ has no value"),
        ("dpdk { dev __PCI_DEVICE_ID_1__ }", "__PCI_DEVICE_ID_1__ has no value"),
        ("cpu { main-core __CPUSET_CPUS_FIRST__ }", "__CPUSET_CPUS_FIRST__ has no value"),
        ("plugins { plugin cnat_plugin.so { disable } }", "plugins: cnat_plugin.so is disabled"),
        ("plugins { plugin default { disable } plugin cnat_plugin.so { enable } }", "npol_plugin.so is disabled"),
        ("plugins { plugin urpf_plugin.so { disable } }", "plugins: urpf_plugin.so is disabled"),
        ("plugins { plugin af_packet_plugin.so { disable } }", "af_packet_plugin.so is disabled"),
    ],
)
def test_a_template_that_cannot_be_is_refused_by_its_line(template: str, why: str) -> None:
    with pytest.raises(BadStartupTemplate, match="CALICOVPP_CONFIG_TEMPLATE: ") as error:
        rendered(template)
    assert why in str(error.value)


def test_an_uplink_without_a_pci_address_has_none_to_put_in() -> None:
    with pytest.raises(BadStartupTemplate, match="__PCI_DEVICE_ID__ has no value"):
        rendered("dpdk { dev __PCI_DEVICE_ID__ }", uplink(pci=""))


def test_tokens_are_replaced_in_both_files() -> None:
    template = (
        "unix { nodaemon log __VPPD_RUN__/l }\n"
        "cpu { main-core __CPUSET_CPUS_FIRST__ }\n"
        "x { __VPP_DATAPLANE_IF__ __VPP_DATAPLANE_IF_1__ __PCI_DEVICE_ID__ __PCI_DEVICE_ID_1__ }\n"
        "y { __NODE_ANNOTATION:example.org/nic__ } # __NOT_A_TOKEN__\n"
    )
    two = (uplink(), uplink(name="eth1", pci="0000:3b:00.1"))
    result = rendered(template, *two, script="set interface state __VPP_DATAPLANE_IF_1__ up\n", cpu="3")
    assert "log /run/x/l" in result.conf
    assert "main-core 3 }" in result.conf
    assert "x { eth0 eth1 0000:3b:00.0 0000:3b:00.1 }" in result.conf
    assert "y { 0000:5e:00.0 } # __NOT_A_TOKEN__" in result.conf
    assert result.exec == "set interface state eth1 up\n"
    with pytest.raises(BadStartupTemplate, match="CALICOVPP_CONFIG_EXEC_TEMPLATE: line 1: __NOPE__ has no value"):
        rendered(template, *two, script="show __NOPE__", cpu="3")


def test_scripts_keep_what_is_no_token() -> None:
    assert (
        replace_template_tokens("echo __VPP_DATAPLANE_IF__ __MINE__", {"__VPP_DATAPLANE_IF__": "eth0"})
        == "echo eth0 __MINE__"
    )
    assert replace_template_tokens("echo __MINE__", {}) == "echo __MINE__"


def test_it_is_known_which_annotations_are_needed() -> None:
    assert template_annotation_keys("a __NODE_ANNOTATION:a.org/b__ c", "__NODE_ANNOTATION:d__") == {"a.org/b", "d"}
    assert template_annotation_keys(DEFAULT_STARTUP_CONF) == set()


# --- DPDK

DPDK_LINES = [
    "dpdk {",
    "  dev 0000:3b:00.0 { num-rx-queues 1 num-tx-queues 1 num-rx-desc 1024 num-tx-desc 1024 tag main-eth0 }",
]
PLAIN = rendered(DEFAULT_STARTUP_CONF).conf


def test_dpdk_is_enabled_and_given_its_device() -> None:
    lines = added(PLAIN, uplink("dpdk"))
    assert lines == ["  plugin dpdk_plugin.so { enable }", *DPDK_LINES]
    assert "plugin dpdk_plugin.so { disable }" not in rendered(PLAIN, uplink("dpdk")).conf


def test_dpdk_gets_every_uplink_that_it_drives() -> None:
    two = (
        uplink("dpdk", rx=2, tx=3, rxqsz=512, txqsz=256),
        uplink("af_packet", "eth1"),
        uplink("dpdk", "eth2", "0:1:2.3"),
    )
    assert added(PLAIN, *two)[1:] == [
        "dpdk {",
        "  dev 0000:3b:00.0 { num-rx-queues 2 num-tx-queues 3 num-rx-desc 512 num-tx-desc 256 tag main-eth0 }",
        "  dev 0:1:2.3 { num-rx-queues 1 num-tx-queues 1 num-rx-desc 1024 num-tx-desc 1024 tag main-eth2 }",
    ]


def test_dpdk_without_hugepages_does_without() -> None:
    lines = added(PLAIN, uplink("dpdk"), hugepages=False)
    assert lines[1:] == [
        "buffers { buffers-per-numa 131072 page-size 4K }",
        *DPDK_LINES,
        "  iova-mode va",
        "  no-hugetlb",
    ]
    with_page_size = PLAIN.replace("buffers-per-numa 131072", "page-size 2M")
    assert "buffers { page-size 2M }" in rendered(with_page_size, uplink("dpdk"), hugepages=False).conf
    without_buffers = PLAIN.replace("buffers { buffers-per-numa 131072 }\n", "")
    assert "buffers { page-size 4K }" in rendered(without_buffers, uplink("dpdk"), hugepages=False).conf


def test_a_dpdk_stanza_of_the_user_s_is_left_as_it_is() -> None:
    template = PLAIN + "dpdk {\n  dev 0000:3b:00.0 { tag main-eth0 } # mine\n}\n"
    result = rendered(template, uplink("dpdk"), hugepages=False)
    assert result.conf == template.replace("dpdk_plugin.so { disable }", "dpdk_plugin.so { enable }")
    assert result.warnings == ()
    untagged = rendered(template.replace("main-eth0", "mine"), uplink("dpdk"))
    assert untagged.warnings == ("CALICOVPP_CONFIG_TEMPLATE: dpdk: no `tag main-eth0`; vppd finds the uplink by it",)


def test_a_commented_stanza_of_dpdk_is_none() -> None:
    assert DPDK_LINES[1] in added(PLAIN + "# dpdk { dev x }\n", uplink("dpdk"))


@pytest.mark.parametrize(
    "plugins",
    [
        "plugin default { disable } plugin cnat_plugin.so { enable } plugin npol_plugin.so { enable }"
        " plugin tap_plugin.so { enable } plugin urpf_plugin.so { enable }",
        "plugin dpdk_plugin.so { disable skip-version-check }",
        "plugin dpdk_plugin.so{disable}",
    ],
)
def test_dpdk_s_plugin_is_enabled_however_it_was_disabled(plugins: str) -> None:
    tree = parse_startup_conf(rendered(f"plugins {{ {plugins} }}\n", uplink("dpdk")).conf, "conf")
    [block] = tree.blocks("plugins")
    [setting] = block.blocks("plugin", "dpdk_plugin.so")
    assert "enable" in [word.text for word in setting.words()]
    assert "disable" not in [word.text for word in setting.words()]


def test_without_dpdk_its_plugin_stays_disabled() -> None:
    assert "plugin dpdk_plugin.so { disable }" in rendered(PLAIN, uplink("af_packet")).conf


# --- the tree

WORDS = st.text("ab-/.", min_size=1, max_size=4)
TREES = st.recursive(WORDS, lambda inner: st.lists(inner, max_size=4), max_leaves=12)


def as_text(tree: "str | list[object]") -> str:
    return tree if isinstance(tree, str) else "{ " + " ".join(map(as_text, tree)) + " }"  # type: ignore[arg-type]


@given(st.lists(TREES, max_size=5), st.sampled_from([" ", "\n", " # note { }\n"]))
def test_a_tree_has_the_words_of_its_text_and_no_edit_leaves_the_text(trees: list[object], gap: str) -> None:
    text = gap.join(map(as_text, trees))  # type: ignore[arg-type]
    root = parse_startup_conf(text, "text")
    assert [word.text for word in root.words()] == [w for w in text.replace("# note { }", "").split() if w not in "{}"]
    assert all(text[word.start : word.end] == word.text for word in root.words())
    assert StartupConfEdits(text).text() == text


@given(st.lists(TREES, max_size=5))
def test_an_edit_changes_its_own_word_alone(trees: list[object]) -> None:
    text = " ".join(map(as_text, trees))  # type: ignore[arg-type]
    words = [*parse_startup_conf(text, "text").words()]
    for number, word in enumerate(words):
        edits = StartupConfEdits(text)
        edits.replace(word, "NEW")
        after = [w.text for w in parse_startup_conf(edits.text(), "text").words()]
        assert after == [*(w.text for w in words[:number]), "NEW", *(w.text for w in words[number + 1 :])]
