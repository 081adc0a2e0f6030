"""How the action of a state fails, apart from running out of time."""


class Gone(Exception):
    """The device of an uplink has disappeared; the text names it."""


class Silent(Exception):
    """VPP is up and does not forward; the text says what shows it."""


class Trouble(Exception):
    """An action failed; the text says why."""
