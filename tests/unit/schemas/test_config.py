"""A node's configuration: every mistake at once, by the variable's name."""

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.config import (
    NODE_CONFIG_VARIABLES,
    NodeConfig,
    NodeConfigError,
    describe_env_variables,
    node_config_from_env,
)
from schemas.config_notices import ACCEPTED_ONLY

# The variables of the reference's manifests (yaml/generated, the flavour without hugepages).
REFERENCE = {
    "NODENAME": "n1",
    "SERVICE_PREFIX": "10.96.0.0/12",
    "CALICOVPP_LOG_LEVEL": "info",
    "CALICOVPP_CONFIG_EXEC_TEMPLATE": "",
    "CALICOVPP_DEBUG": "{}",
    "CALICOVPP_FEATURE_GATES": "{}",
    "CALICOVPP_INITIAL_CONFIG": """{
        "vppStartupSleepSeconds": 1,
        "corePattern": "/var/lib/vpp/vppcore.%e.%p"
    }""",
    "CALICOVPP_INTERFACES": """{
        "maxPodIfSpec": { "rx": 10, "tx": 10, "rxqsz": 1024, "txqsz": 1024 },
        "defaultPodIfSpec": { "rx": 1, "tx": 1, "isl3": true },
        "vppHostTapSpec": { "rx": 1, "tx": 1, "rxqsz": 1024, "txqsz": 1024, "isl3": false },
        "uplinkInterfaces": [ { "interfaceName": "eth1", "vppDriver": "af_packet" } ]
    }""",
}

KEYS = ("uplinkInterfaces", "interfaceName", "rx", "maxPodIfSpec", "annotations", "redirectToHostRules", "gsoEnabled")


def test_defaults_are_those_of_a_container() -> None:
    config = node_config_from_env({"NODENAME": "n1"})
    assert config.bus == Path("/run/vppd/bus")
    assert config.vpp_api == Path("/run/vppd/vpp/vpp-api.sock")
    assert config.initial.ip4NeighborsMaxNumber == 50_000


def test_names_and_shapes_are_those_that_users_of_calico_vpp_know() -> None:
    config = node_config_from_env(
        {
            "NODENAME": "n1",
            "CALICOVPP_INTERFACES": '{"uplinkInterfaces":[{"interfaceName":"eth0","vppDriver":"af_packet"}]}',
            "CALICOVPP_DEBUG": '{"gsoEnabled": false}',
            "CALICOVPP_LOG_LEVEL": "DEBUG",
        }
    )
    assert config.interfaces.uplinkInterfaces[0].interfaceName == "eth0"
    assert not config.debug.gsoEnabled
    assert config.log_level == "debug"


def test_every_mistake_is_told_at_once_by_name() -> None:
    with pytest.raises(NodeConfigError) as error:
        node_config_from_env(
            {
                "CALICOVPP_INTERFACES": '{"uplinkInterfaces":[{"interfaceName":7}]}',
                "VPPD_CNI_DEADLINE": "soon",
                "CALICOVPP_LOG_LEVEL": "loud",
                "CALICOVPP_TAP0_ADDR": "300.1.1.1/32",
            }
        )
    names = [line.split(":")[0] for line in str(error.value).splitlines()]
    assert names == [
        "NODENAME",
        "CALICOVPP_LOG_LEVEL",
        "CALICOVPP_INTERFACES.uplinkInterfaces[0].interfaceName",
        "CALICOVPP_TAP0_ADDR",
        "VPPD_CNI_DEADLINE",
    ]


@pytest.mark.parametrize(
    ("uplinks", "why"),
    [
        ('[{"interfaceName":"a","isMain":true},{"interfaceName":"b","isMain":true}]', "more than one isMain"),
        ('[{"interfaceName":"a","vppDriver":"afpacket"}]', r"uplinkInterfaces\[0\].vppDriver: unknown .*'afpacket'"),
        ('[{"interfaceName":"a","vppDriver":"dpdk"},{"interfaceName":"b"}]', r"\[1\].vppDriver: not set"),
        ('[{"interfaceName":"a"},{"interfaceName":"b","vppDriver":"dpdk"}]', r"\[0\].vppDriver: not set"),
        (
            '[{"interfaceName":"a","vppDriver":"rdma"},{"interfaceName":"a","vppDriver":"rdma"}]',
            r"\[1\].interfaceName: a is there twice",
        ),
        ('[{"interfaceName":"a","ipFamilies":"IPv5"}]', "ipFamilies: 'IPv5' is not a comma list of IPv4, IPv6"),
        ('[{"interfaceName":"a","ipFamilies":"IPv4,"}]', "ipFamilies: 'IPv4,' is not"),
        ('[{"interfaceName":"a","annotations":{"AfPacketUseV3":"maybe"}}]', "AfPacketUseV3: 'maybe' is not true"),
        ('[{"interfaceName":"a","rx":"2"}]', r"uplinkInterfaces\[0\].rx: expected int, got str"),
        ('[{"interfaceName":"a","rx":-1}]', r"uplinkInterfaces\[0\].rx: expected int >= 0"),
        ('[{"vppDriver":"rdma"}]', r"uplinkInterfaces\[0\]: object missing required field interfaceName"),
        ('[{"interfaceName":"a","mtu":900}]', "mtu 900 outside 1280 to 9216"),
        ('[{"interfaceName":"a-name-that-is-too-long"}]', "1 to 15 characters"),
    ],
)
def test_uplinks_that_cannot_be_are_refused(uplinks: str, why: str) -> None:
    with pytest.raises(NodeConfigError, match=why):
        node_config_from_env({"NODENAME": "n1", "CALICOVPP_INTERFACES": f'{{"uplinkInterfaces":{uplinks}}}'})


def test_a_main_uplink_may_be_marked_and_else_is_the_first() -> None:
    two = '[{{"interfaceName":"a","vppDriver":"rdma"}},{{"interfaceName":"b","vppDriver":"rdma","isMain":{}}}]'
    mains = [uplinks_of(two.format(marked)).main_uplink for marked in ("true", "false")]
    assert [main and main.interfaceName for main in mains] == ["b", "a"]
    assert node_config_from_env({"NODENAME": "n1"}).main_uplink is None


def uplinks_of(uplinks: str) -> NodeConfig:
    return node_config_from_env({"NODENAME": "n1", "CALICOVPP_INTERFACES": f'{{"uplinkInterfaces":{uplinks}}}'})


def test_the_configmap_of_the_reference_is_accepted_unchanged() -> None:
    config = node_config_from_env(REFERENCE)
    [uplink] = config.interfaces.uplinkInterfaces
    assert (uplink.interfaceName, uplink.vppDriver, uplink.rx_queues, uplink.rx_ring) == ("eth1", "af_packet", 1, 1024)
    assert config.initial.corePattern == "/var/lib/vpp/vppcore.%e.%p"
    assert config.service_prefixes == ("10.96.0.0/12",)
    warned = {warning.partition(":")[0] for warning in config.warnings}
    assert warned == {
        "CALICOVPP_INITIAL_CONFIG.vppStartupSleepSeconds",
    }


def test_what_is_unknown_is_named_with_its_place_and_ignored() -> None:
    config = node_config_from_env(
        {
            "NODENAME": "n1",
            "CALICOVPP_INTERFACES": '{"uplinkInterfaces":[{"interfaceName":"a","foo":1}],"maxPodIfSpec":{"bar":0}}',
            "CALICOVPP_BOGUS": "1",
        }
    )
    assert "CALICOVPP_INTERFACES.uplinkInterfaces[0].foo: not known, ignored" in config.warnings
    assert "CALICOVPP_INTERFACES.maxPodIfSpec.bar: not known, ignored" in config.warnings
    assert "CALICOVPP_BOGUS: not known, ignored" in config.warnings


@pytest.mark.parametrize(
    ("name", "text", "warning"),
    [
        ("VPPD_POLCY", "felix", "VPPD_POLCY: not known, ignored; did you mean VPPD_POLICY?"),
        ("VPPD_XYZZY", "1", "VPPD_XYZZY: not known, ignored"),
        ("CALICOVPP_INTERFACS", "{}", "CALICOVPP_INTERFACS: not known, ignored; did you mean CALICOVPP_INTERFACES?"),
        (
            "CALICOVPP_DEBUG",
            '{"gsoEnable": false}',
            "CALICOVPP_DEBUG.gsoEnable: not known, ignored; did you mean gsoEnabled?",
        ),
        (
            "CALICOVPP_INTERFACES",
            '{"uplinkInterfaces":[{"interfaceName":"a","annotations":{"AfPacketUsev3":"true"}}]}',
            "CALICOVPP_INTERFACES.uplinkInterfaces[0].annotations.AfPacketUsev3: not known, ignored;"
            " did you mean AfPacketUseV3?",
        ),
    ],
)
def test_of_what_is_misspelt_the_likely_name_is_told(name: str, text: str, warning: str) -> None:
    assert node_config_from_env({"NODENAME": "n1", name: text}).warnings == (warning,)


def test_variables_that_kubernetes_makes_of_services_and_those_of_other_programs_are_no_news() -> None:
    names = ("VPPD_X_SERVICE_HOST", "VPPD_X_SERVICE_PORT_DNS", "VPPD_X_PORT", "VPPD_X_PORT_80_TCP_ADDR", "VPPD_PYTHON")
    assert node_config_from_env({"NODENAME": "n1"} | dict.fromkeys(names, "1")).warnings == ()


@pytest.mark.parametrize(
    ("word", "level", "bgp_level"),
    [
        ("trace", "debug", "trace"),
        ("DEBUG", "debug", "debug"),
        ("warn", "warning", "warning"),
        ("fatal", "error", "error"),
        ("panic", "error", "error"),
    ],
)
def test_the_log_levels_of_calico_vpp_are_taken(word: str, level: str, bgp_level: str) -> None:
    config = node_config_from_env({"NODENAME": "n1", "CALICOVPP_LOG_LEVEL": word, "CALICOVPP_BGP_LOG_LEVEL": word})
    assert (config.log_level, config.bgp_log_level) == (level, bgp_level)


@pytest.mark.parametrize("place", ["defaultPodIfSpec", "vppHostTapSpec", "uplinkInterfaces[0]"])
def test_a_word_that_is_no_receive_mode_is_named_and_the_default_holds(place: str) -> None:
    spec = {"rxMode": "fast"}
    interfaces = {
        "uplinkInterfaces": [{"interfaceName": "a"} | (spec if place == "uplinkInterfaces[0]" else {})],
        **({place: spec} if place != "uplinkInterfaces[0]" else {}),
    }
    config = node_config_from_env({"NODENAME": "n1", "CALICOVPP_INTERFACES": json.dumps(interfaces)})
    [warning] = config.warnings
    assert warning.startswith(f"CALICOVPP_INTERFACES.{place}.rxMode: 'fast' is not one of interrupt, polling")


def test_default_gateways_are_read_as_all_addresses_are() -> None:
    def initial(text: str) -> dict[str, str]:
        return {"NODENAME": "n1", "CALICOVPP_INITIAL_CONFIG": json.dumps({"defaultGWs": text})}

    config = node_config_from_env(initial("::ffff:192.0.2.51, 2001:DB8::1"))
    assert config.initial.default_gateways == ("192.0.2.51", "2001:db8::1")
    with pytest.raises(NodeConfigError, match=r"CALICOVPP_INITIAL_CONFIG\.defaultGWs: '192\.0\.2' does not"):
        node_config_from_env(initial("192.0.2"))


def test_a_datastore_that_is_not_read_is_named() -> None:
    assert (
        node_config_from_env({"NODENAME": "n1", "DATASTORE_TYPE": "kubernetes", "WAIT_FOR_DATASTORE": "true"}).warnings
        == ()
    )
    [warning] = node_config_from_env({"NODENAME": "n1", "DATASTORE_TYPE": "etcdv3"}).warnings
    assert warning.startswith("DATASTORE_TYPE: accepted, not acted on: only kubernetes is supported")


def test_older_variables_that_need_another_are_named_without_it() -> None:
    warnings = node_config_from_env({"NODENAME": "n1", "CALICOVPP_NATIVE_DRIVER": "dpdk"}).warnings
    assert warnings == ("CALICOVPP_NATIVE_DRIVER: ignored without CALICOVPP_INTERFACE",)


def test_keys_are_read_as_go_does() -> None:
    config = node_config_from_env(
        {"NODENAME": "n1", "CALICOVPP_DEBUG": '{"GSOEnabled": false, "servicesEnabled": null}'}
    )
    assert not config.debug.gsoEnabled
    assert config.debug.servicesEnabled
    assert config.warnings == ()


def test_every_field_that_changes_nothing_is_one_that_exists() -> None:
    attributes = {variable.name: variable for variable in NODE_CONFIG_VARIABLES}
    for path in ACCEPTED_ONLY:
        name, *fields = path.split(".")
        if fields:
            kind: Any = attributes[name].read
            for field in fields:
                kinds = {f.name: f.type for f in msgspec.structs.fields(kind)}
                kind = kinds[field.removesuffix("[]")]
                kind = get_args(kind)[0] if field.endswith("[]") else kind
        else:
            assert name not in attributes


def test_a_secret_that_changes_nothing_is_not_repeated() -> None:
    [warning] = node_config_from_env({"NODENAME": "n1", "CALICOVPP_IPSEC_IKEV2_PSK": "hunter2"}).warnings
    assert warning.startswith("CALICOVPP_IPSEC_IKEV2_PSK: accepted, not acted on")
    assert "hunter2" not in warning


def test_variables_that_repeat_their_default_are_no_news() -> None:
    environ = {"CALICOVPP_BGP_SERVER_MODE": "dualStack", "CALICOVPP_FEATURE_GATES": '{"vclEnabled":false}'}
    assert node_config_from_env({"NODENAME": "n1"} | environ).warnings == ()


def test_a_feature_that_is_asked_for_and_not_there_is_named() -> None:
    [warning] = node_config_from_env({"NODENAME": "n1", "CALICOVPP_FEATURE_GATES": '{"memifEnabled":true}'}).warnings
    assert warning.startswith("CALICOVPP_FEATURE_GATES.memifEnabled: accepted, not acted on")


def test_the_older_variables_name_the_first_uplink() -> None:
    legacy = {
        "NODENAME": "n1",
        "CALICOVPP_INTERFACE": "eth7",
        "CALICOVPP_NATIVE_DRIVER": "DPDK",
        "CALICOVPP_SWAP_DRIVER": "uio_pci_generic",
    }
    [uplink] = node_config_from_env(legacy).interfaces.uplinkInterfaces
    assert (uplink.interfaceName, uplink.vppDriver, uplink.newDriver) == ("eth7", "dpdk", "uio_pci_generic")
    config = node_config_from_env(
        legacy | {"CALICOVPP_INTERFACES": '{"uplinkInterfaces":[{"interfaceName":"eth7","mtu":1400}]}'}
    )
    [uplink] = config.interfaces.uplinkInterfaces
    assert uplink.mtu == 1400
    assert config.warnings == ("CALICOVPP_INTERFACE: ignored, CALICOVPP_INTERFACES names the same uplink",)


def test_the_guard_s_own_variables() -> None:
    config = node_config_from_env(
        {
            "NODENAME": "n1",
            "VPPD_PROBE_ADDRESSES": "192.0.2.1, 2001:db8::1",
            "VPPD_FORWARD_WAIT": "0",
            "VPPD_HOOK_WAIT": "3s",
            "VPPD_CORES_MAX": "1024",
            "VPPD_HOST_ROOT": "/elsewhere",
            "CALICOVPP_ENABLE_NETWORK_MANAGER_HOOK": "false",
            "CALICOVPP_HOOK_VPP_RUNNING": "echo up",
        }
    )
    assert config.probe_addresses == ("192.0.2.1", "2001:db8::1")
    assert (config.forward_wait_s, config.hook_wait_s, config.cores_bytes_max) == (0.0, 3.0, 1024)
    assert config.host_root == Path("/elsewhere")
    assert not config.network_manager_hook
    assert config.hooks == {"VPP_RUNNING": "echo up"}
    default = node_config_from_env({"NODENAME": "n1"})
    assert (default.forward_wait_s, default.hook_wait_s, default.cores_bytes_max) == (20.0, 10.0, 4 << 30)
    assert default.network_manager_hook


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner),
    max_leaves=10,
)


@given(st.sampled_from(["INTERFACES", "INITIAL_CONFIG", "DEBUG", "FEATURE_GATES", "IPSEC", "SRV6"]), JSON)
def test_whatever_the_json_says_the_answer_is_a_configuration_or_what_is_wrong_with_it(name: str, value: Any) -> None:
    variable = f"CALICOVPP_{name}"
    assert all(line.startswith(variable) for line in wrong_with({variable: json.dumps(value)}))


@given(st.text())
def test_what_is_no_json_is_wrong_by_name(text: str) -> None:
    assert all(line.startswith("CALICOVPP_DEBUG: ") for line in wrong_with({"CALICOVPP_DEBUG": text}))


def wrong_with(environ: dict[str, str]) -> list[str]:
    """What is wrong, a line each; none: it is a configuration."""
    try:
        node_config_from_env({"NODENAME": "n1"} | environ)
    except NodeConfigError as error:
        return str(error).split("\n")
    return []


def test_help_names_every_variable() -> None:
    text = describe_env_variables()
    assert all(variable.name in text for variable in NODE_CONFIG_VARIABLES)


def test_policies_are_enforced_unless_they_are_turned_off() -> None:
    config = node_config_from_env({"NODENAME": "n1"})
    assert config.policy_source == "felix"
    assert config.felix_driver == Path("/var/lib/calico/felix-plugins/felix-api-proxy")  # where Calico's manifests look
    off = node_config_from_env({"NODENAME": "n1", "VPPD_POLICY": "none", "VPPD_FELIX_DRIVER": "None"})
    assert (off.policy_source, off.felix_driver) == ("none", None)
