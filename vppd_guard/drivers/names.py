"""Names of an uplink in VPP, whatever its driver. Pure."""


def uplink_intent_name(interface: str) -> str:
    """Intent name of the uplink in VPP. `interface`: its name in Linux."""
    return f"uplink/{interface}"


def uplink_vpp_tag(interface: str) -> str:
    """Tag of the uplink in VPP, Calico/VPP's: a read-back recognises it as ours by it."""
    return f"main-{interface}"
