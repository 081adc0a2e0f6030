"""An error that the user can do something about: one line, exit status 1."""


class UserError(Exception):
    """The text is for the user."""
