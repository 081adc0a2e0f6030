"""Settings without effect are told on the bus, a row for each."""

from schemas.config import node_config_from_env
from tools.node.view import NodeView
from vppd_guard.report.configuration import configuration_facts


def test_each_setting_without_effect_is_a_row_and_a_line_of_the_status() -> None:
    config = node_config_from_env({"NODENAME": "n1", "DATASTORE_TYPE": "etcdv3", "VPPD_POLCY": "felix"})
    rows = configuration_facts(config.warnings)
    assert set(rows) == {"DATASTORE_TYPE", "VPPD_POLCY"}
    assert tuple(NodeView(configuration=rows).without_effect()) == config.warnings


def test_two_notices_of_one_setting_are_both_told() -> None:
    warnings = ["CALICOVPP_DEBUG.a: not known, ignored", "CALICOVPP_DEBUG.a: once more"]
    assert NodeView(configuration=configuration_facts(warnings)).without_effect() == warnings
