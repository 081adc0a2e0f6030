"""What is accepted acts, or is named: each field has a reader, or stands in a list that says why it needs none.

That a reader decides by a field is for the field's own test; here a field is found that nobody reads at all.
"""

import dataclasses
from collections.abc import Iterator

import pytest
from msgspec import Struct
from msgspec.structs import fields

from schemas import facts
from schemas.config import NODE_CONFIG_VARIABLES, NodeConfig
from schemas.config_notices import ACCEPTED_ONLY
from schemas.words import BUS_WORDS
from tests.layout.readers import holders, module_names, readers, structs_in

# Others act on these; we need not.
DECIDED_BY_OTHERS = {
    "IpPoolFact.disabled": "Calico's IPAM gives out no new addresses; those given out live on",
    "ServiceFact.node_ports": "the API server gives no node ports then; those that are there are served",
}
# What a process reports beside what others decide by: people see it in rows, by `vppd tap state`.
REPORTED = {
    "BgpPeerFact.asn",
    "BgpPeerFact.routes",
    "PodInterfaceFact.netns",
    "ServiceAddressFact.services",
    "ServiceStatusFact.translations",
    "UplinkFact.driver",
    "UplinkFact.next_hop4",
    "UplinkFact.next_hop6",
    "UplinkFact.physical_network",
    "UplinkFact.reason",
}
KINDS = [
    kind
    for kind in vars(facts).values()
    if isinstance(kind, type) and issubclass(kind, Struct) and kind.__module__ == facts.__name__
]
HOLDERS = holders(KINDS)
FIELDS = [(kind.__name__, field.name) for kind in KINDS for field in fields(kind)]
# Where a field that is read is not yet decided by: its definition, the stand-ins of the lab, its own publisher.
NO_READERS = ("schemas", "tools.bench", "tools.lab", "tools.vppsim")
PUBLISHER = {"guard": "vppd_guard", "bus": "bus"}


def known_as(kind: str) -> tuple[set[str], set[str]]:
    """Names by which modules know a struct: its own, those of the structs that hold it, words. Its publishers."""
    words = {name: word for name, word in BUS_WORDS.items() if getattr(word.type, "__name__", "") in HOLDERS[kind]}
    owners = {word.owner for word in words.values() if word.owner}
    packages = {PUBLISHER.get(owner, f"actors.{owner.replace('-', '_')}") for owner in owners}
    return {*HOLDERS[kind], *words}, packages


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_a_field_of_a_fact_has_a_reader_or_a_reason_to_have_none(kind: str, field: str) -> None:
    names, publishers = known_as(kind)
    listed = f"{kind}.{field}" in DECIDED_BY_OTHERS or f"{kind}.{field}" in REPORTED
    found = list(readers(field, names, (*NO_READERS, *publishers)))
    assert bool(found) != listed, f"{kind}.{field}: read by {found or 'nobody'}"


def test_what_kubernetes_says_is_never_only_reported() -> None:
    of_kubernetes = {kind.__name__ for kind in KINDS if known_as(kind.__name__)[1] & {"actors.kube_watch"}}
    assert not {name for name in REPORTED if name.partition(".")[0] in of_kubernetes}


def all_attributes(outside: str) -> set[str]:
    """Attributes that any module reads, but for one."""
    return {name for module, found in module_names().items() if module != outside for name in found.attributes}


JSON_ATTRIBUTES = {
    variable.attribute
    for variable in NODE_CONFIG_VARIABLES
    if isinstance(variable.read, type) and issubclass(variable.read, Struct)
}
# Read one by one below, by a property of all hooks, and as a whole.
SETTINGS = {
    *(name for field in dataclasses.fields(NodeConfig) if not (name := field.name).startswith("hook_")),
    "hooks",
    "hook_wait_s",
} - JSON_ATTRIBUTES


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_setting_of_the_node_has_a_reader(name: str) -> None:
    assert name in all_attributes("schemas.config")


def leaves(path: str, kind: type[Struct]) -> Iterator[str]:
    """Paths of all fields of a struct that is read from JSON."""
    for field in fields(kind):
        inner = list(structs_in(field.type))
        here = f"{path}.{field.name}" + ("[]" if getattr(field.type, "__origin__", None) is list else "")
        yield from (leaf for struct in inner for leaf in leaves(here, struct))
        if not inner:
            yield here


PATHS = [
    path
    for variable in NODE_CONFIG_VARIABLES
    if isinstance(variable.read, type) and issubclass(variable.read, Struct)
    for path in leaves(variable.name, variable.read)
]


@pytest.mark.parametrize("path", PATHS)
def test_a_setting_in_json_has_a_reader_or_is_named_as_without_effect(path: str) -> None:
    without_effect = any(path == each or path.startswith((f"{each}.", f"{each}[].")) for each in ACCEPTED_ONLY)
    assert without_effect or path.rpartition(".")[2].removesuffix("[]") in all_attributes("")


def test_a_field_that_nobody_reads_is_found() -> None:
    names, _ = known_as("IpPoolFact")
    assert not list(readers("disabled", names, (*NO_READERS, "actors.kube_watch")))
    assert list(readers("nat_outgoing", names, (*NO_READERS, "actors.kube_watch")))
