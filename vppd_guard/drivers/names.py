"""How an uplink is called in VPP, whatever its driver (spec of the guard, section 1). Pure."""

from vppd_guard.captured import Captured


def uplink_name(link: Captured) -> str:
    """The intent name of the uplink's interface."""
    return f"uplink/{link.name}"


def uplink_tag(link: Captured) -> str:
    """Its tag in VPP: by it a read-back recognises it as ours."""
    return f"main-{link.name}"
