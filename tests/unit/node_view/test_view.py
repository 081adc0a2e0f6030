"""What `vppd status` says of a node, from the facts of its bus."""

from schemas.config import node_config_from_env
from schemas.facts import VppEpochFact, VppProcessFact
from tools.node.view import NodeView
from vppd_guard.report.configuration import configuration_status_facts


def test_each_setting_without_effect_is_a_row_and_a_line_of_the_status() -> None:
    config = node_config_from_env({"NODENAME": "n1", "DATASTORE_TYPE": "etcdv3", "VPPD_POLCY": "felix"})
    rows = configuration_status_facts(config.warnings)
    assert set(rows) == {"DATASTORE_TYPE", "VPPD_POLCY"}
    assert tuple(NodeView(configuration=rows).without_effect()) == config.warnings


def test_two_notices_of_one_setting_are_both_told() -> None:
    warnings = ["CALICOVPP_DEBUG.a: not known, ignored", "CALICOVPP_DEBUG.a: once more"]
    assert NodeView(configuration=configuration_status_facts(warnings)).without_effect() == warnings


def test_of_a_vpp_that_has_died_the_reason_and_its_last_words_are_told() -> None:
    dead = VppProcessFact(state="down", reason="killed by SIGSEGV", last_words=("received signal SIGSEGV, PC 0x7f",))
    away = VppEpochFact(connected=False, epoch=3)
    assert NodeView(epoch=away, vpp=dead).vpp_text() == "none: killed by SIGSEGV; received signal SIGSEGV, PC 0x7f"
    assert NodeView().vpp_text() == "none"
    lives = VppEpochFact(connected=True, epoch=4, pid=17, version="26.10")
    assert NodeView(epoch=lives, vpp=dead).vpp_text() == "epoch 4, pid 17, 26.10"
