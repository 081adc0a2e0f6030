"""The generated Python says what the .proto files say, and the wire is the one that others speak."""

import importlib
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from schemas.proto import cnibackend_pb2, felixbackend_pb2, felixbackend_v331_pb2, generate, gobgp_pb2

MODULES = {
    "cnibackend": cnibackend_pb2,
    "felixbackend": felixbackend_pb2,
    "felixbackend_v331": felixbackend_v331_pb2,
    "gobgp": gobgp_pb2,
}
SERVICES = ("cnibackend", "gobgp")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("generated")
    generate.generate(directory)
    return directory / "schemas" / "proto"


def descriptor_in(source: str) -> FileDescriptorProto:
    """The serialized descriptor that a generated module carries as a literal."""
    literal = source.split("AddSerializedFile(")[1].split(")\n")[0]
    return FileDescriptorProto.FromString(eval(literal))


@pytest.mark.parametrize("name", MODULES)
def test_the_generated_code_is_up_to_date(name: str, fresh: Path) -> None:
    here = Path(generate.__file__).parent
    committed = descriptor_in((here / f"{name}_pb2.py").read_text())
    assert committed == descriptor_in((fresh / f"{name}_pb2.py").read_text())


def test_every_proto_has_generated_code() -> None:
    here = Path(generate.__file__).parent
    assert {p.stem for p in here.glob("*.proto")} == set(MODULES)
    for name in SERVICES:
        importlib.import_module(f"schemas.proto.{name}_pb2_grpc")


def test_the_cni_call_has_the_bytes_that_calicos_plugin_sends() -> None:
    request = cnibackend_pb2.AddRequest(
        interface_name="eth0",
        netns="/run/netns/a",
        container_ips=[cnibackend_pb2.IPConfig(address="10.0.0.1/32")],
    )
    assert request.SerializeToString() == b"\n\x04eth0\x12\x0c/run/netns/a*\r\n\x0b10.0.0.1/32"
    service = cnibackend_pb2.DESCRIPTOR.services_by_name["CniDataplane"]
    assert service.full_name == "cni.CniDataplane"


def test_field_numbers_of_gobgp_are_those_of_3_10() -> None:
    numbers = {
        (message, field): gobgp_pb2.DESCRIPTOR.message_types_by_name[message].fields_by_name[field].number
        for message, field in [
            ("Path", "nlri"),
            ("Path", "pattrs"),
            ("Path", "is_withdraw"),
            ("Path", "family"),
            ("Path", "neighbor_ip"),
            ("Peer", "afi_safis"),
            ("GracefulRestart", "local_restarting"),
            ("PeerState", "session_state"),
            ("PolicyAssignment", "default_action"),
        ]
    }
    assert list(numbers.values()) == [1, 2, 5, 9, 15, 10, 10, 13, 5]
