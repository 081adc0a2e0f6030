"""VPP's own objects, read by a client of its API beside the writer."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vpp_papi import VPPApiClient

from tools.lab.state import Lab
from tools.lab.topology import LabNode

NPOL = ("ipsets", "rules", "policies verbose", "interfaces")


@contextmanager
def client(lab: Lab, node: LabNode) -> Iterator[Any]:
    """A client of the node's VPP."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        vpp = VPPApiClient(bootstrapapi=True, server_address=str(lab.run(node) / "vpp" / "vpp-api.sock"))
        vpp.connect("observer")
    try:
        yield vpp.api
    finally:
        vpp.disconnect()


def objects(lab: Lab, node: LabNode) -> dict[str, list[str]]:
    """Translations by VIP, port and protocol with their backends, and npol's own listing, ids included."""
    with client(lab, node) as api:
        held_objects = {"translations": sorted(map(_translation, api.cnat_translation_dump()))}
        for command in NPOL:
            text = str(api.cli_inband(cmd=f"show npol {command}").reply)
            held_objects[command] = sorted(line.strip() for line in text.splitlines())
    return held_objects


def _translation(row: Any) -> str:
    translation = row.translation
    vip = translation.vip
    paths = sorted(f"{path.dst_ep.addr}:{path.dst_ep.port} {path.flags & 2}" for path in translation.paths)
    return f"{translation.id} {vip.addr}:{vip.port} {translation.ip_proto} {translation.lb_type} -> " + ", ".join(paths)


def counts(lab: Lab, node: LabNode) -> dict[str, int]:
    """How many objects of each kind, for what must not leak."""
    held_objects = objects(lab, node)
    marks = {"ipsets": r"\[ipset#", "rules": r"\[rule#", "policies verbose": r"\[policy#", "interfaces": "sw_if_index"}
    return {what: sum(1 for line in held_objects[what] if re.search(mark, line)) for what, mark in marks.items()} | {
        "translations": len(held_objects["translations"])
    }
