"""A node's configuration: every mistake at once, by the variable's name."""

from pathlib import Path

import pytest

from schemas.config import VARIABLES, ConfigError, describe, from_env


def test_defaults_are_those_of_a_container() -> None:
    config = from_env({"NODENAME": "n1"})
    assert config.bus == Path("/run/vppd/bus")
    assert config.vpp_api == Path("/run/vppd/vpp/vpp-api.sock")
    assert config.initial.ip4NeighborsMaxNumber == 50_000


def test_names_and_shapes_are_those_that_users_of_calico_vpp_know() -> None:
    config = from_env(
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
    with pytest.raises(ConfigError) as error:
        from_env(
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
        "CALICOVPP_INTERFACES",
        "CALICOVPP_TAP0_ADDR",
        "VPPD_CNI_DEADLINE",
    ]


@pytest.mark.parametrize(
    ("uplinks", "why"),
    [
        ('[{"interfaceName":"a","isMain":true},{"interfaceName":"b","isMain":true}]', "more than one isMain"),
        ('[{"interfaceName":"a","vppDriver":"avf"}]', "unknown vppDriver 'avf'"),
        ('[{"interfaceName":"a","mtu":900}]', "mtu 900 outside 1280 to 9216"),
        ('[{"interfaceName":"a-name-that-is-too-long"}]', "1 to 15 characters"),
    ],
)
def test_uplinks_that_cannot_be_are_refused(uplinks: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        from_env({"NODENAME": "n1", "CALICOVPP_INTERFACES": f'{{"uplinkInterfaces":{uplinks}}}'})


def test_help_names_every_variable() -> None:
    text = describe()
    assert all(variable.name in text for variable in VARIABLES)
