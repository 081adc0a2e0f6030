"""Recordings of real nodes: the manager of today wants what the one of then wanted.

A recording of something that went wrong becomes a test: `vppd tap record`, put the file here, and say below with which
configuration the manager ran. Where it wanted the wrong thing then, say what it must want instead.
"""

from collections.abc import Iterable
from pathlib import Path

import pytest
from msgspec.structs import replace

from bus.envelope import CheckpointPart, pack_bus_message, unpack_bus_message
from schemas.cnat import TranslationIntent
from schemas.config import node_config_from_env
from tools.tap.recording import Frame, read
from tools.tap.replay import NotReplayable, Replay

DIRECTORY = Path(__file__).parent
NODE1 = node_config_from_env({"NODENAME": "node1", "SERVICE_PREFIX": "10.96.0.0/16,fd96::/112"})
RECORDED = {"a-node-port-service.recording": ("services", NODE1)}


@pytest.mark.parametrize("name", sorted(path.name for path in DIRECTORY.glob("*.recording")))
def test_a_manager_wants_what_it_wanted_when_it_was_recorded(name: str) -> None:
    manager, config = RECORDED[name]
    replay = Replay(manager, config)
    changed = list(replay.feed(read(DIRECTORY / name)))
    assert replay.waits_for == ()
    assert replay.malformed == []
    assert replay.intents
    assert changed
    assert list(replay.differences()) == []


def test_the_backends_of_a_node_port_come_and_go_in_the_recording() -> None:
    replay = Replay("services", NODE1)
    changes = [
        event for event in replay.feed(read(DIRECTORY / "a-node-port-service.recording")) if "translation" in event.key
    ]
    counts = [len(event.new["backends"]) for event in changes if event.new and event.new["vip"] == "10.96.0.50"]
    assert counts == [1, 2, 1]


def test_a_manager_that_decides_otherwise_is_found() -> None:
    replay = Replay("services", NODE1)
    list(replay.feed(_without_slices(read(DIRECTORY / "a-node-port-service.recording"))))
    withdrawn = {event.key for event in replay.differences() if event.new is None}
    assert {key.split("/")[0] for key in withdrawn} == {"translation"}
    assert not any(isinstance(intent, TranslationIntent) for intent in replay.intents.values())


def _without_slices(frames: Iterable[Frame]) -> Iterable[Frame]:
    for now, data in frames:
        message = unpack_bus_message(data)
        slices = getattr(message, "word", "") == "endpoint-slice"
        if slices and hasattr(message, "rows"):
            message.rows = (
                [] if isinstance(message, CheckpointPart) else [replace(row) for row in message.rows if not row.value]
            )
        yield now, pack_bus_message(message)


def test_a_manager_that_decides_by_more_than_the_bus_is_refused_by_name() -> None:
    with pytest.raises(NotReplayable, match="cni: cannot be replayed"):
        Replay("cni", NODE1)
