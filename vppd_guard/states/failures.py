"""How the action of a state fails, apart from running out of time. The texts are for people."""


class GuardActionFailed(Exception):
    """The action failed; the text says why."""


class UplinkDeviceGone(Exception):
    """The device of an uplink has disappeared; the text names it."""


class VppNotForwarding(Exception):
    """VPP is up and does not forward; the text says what shows it."""
