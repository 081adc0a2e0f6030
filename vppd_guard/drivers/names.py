"""How an uplink is called in VPP, whatever its driver (spec of the guard, section 1). Pure."""


def uplink_name(interface: str) -> str:
    """The intent name of the uplink in VPP. `interface`: its name in Linux."""
    return f"uplink/{interface}"


def uplink_tag(interface: str) -> str:
    """Its tag in VPP: by it a read-back recognises it as ours."""
    return f"main-{interface}"
