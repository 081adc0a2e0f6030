"""Each field of an interface's spec changes what VPP should hold, or a warning names it as without effect."""

import json
from typing import Any

import pytest

from actors.cni.desired import pod_intents
from actors.cni.pods import parse_pod_request
from schemas.config import NodeConfig, node_config_from_env
from schemas.intents import Intent
from tests.unit.cni.test_pods import request
from tests.unit.guard.test_desired import intents

FIELDS: dict[str, Any] = {"rx": 3, "tx": 3, "rxqsz": 512, "txqsz": 512, "isl3": True, "rxMode": "polling"}


def config_with(place: str, spec: dict[str, Any]) -> NodeConfig:
    return node_config_from_env({"NODENAME": "n1", "CALICOVPP_INTERFACES": json.dumps({place: spec})})


def held(config: NodeConfig) -> set[object]:
    """All that a pod, and the host's tap, need in VPP."""
    pod: list[Intent] = pod_intents(parse_pod_request(request()), config)
    return {*pod, *intents(config=config)}


@pytest.mark.parametrize("place", ["defaultPodIfSpec", "vppHostTapSpec"])
@pytest.mark.parametrize("field", FIELDS)
def test_a_field_of_a_spec_acts_or_is_named(place: str, field: str) -> None:
    value = False if (place, field) == ("defaultPodIfSpec", "isl3") else FIELDS[field]
    changed = config_with(place, {field: value})
    acts = held(changed) != held(config_with(place, {}))
    is_named = any(warning.startswith(f"CALICOVPP_INTERFACES.{place}.{field}: ") for warning in changed.warnings)
    assert acts != is_named, changed.warnings
