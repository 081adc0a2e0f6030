"""How the action of a state fails, apart from running out of time."""


class DeviceGone(Exception):
    """The device of an uplink has disappeared; the text names it."""


class NotForwarding(Exception):
    """VPP is up and does not forward; the text says what shows it."""


class ActionFailed(Exception):
    """An action failed; the text says why."""
