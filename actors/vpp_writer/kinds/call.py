"""A VPP API call as data, and what its return values mean."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct


class VppCall(Struct, frozen=True, gc=False):
    """One request: message name, its fields, and the return values that count as success beside 0.

    `instead_on`: for these return values `instead` is called, once. `confirm_on`: for these `confirm` is asked.
    """

    message: str
    fields: Mapping[str, Any] = {}
    accepted_retvals: frozenset[int] = frozenset()
    instead_on: frozenset[int] = frozenset()
    instead: "VppCall | None" = None
    confirm_on: frozenset[int] = frozenset()
    confirm: "VppRefusalCheck | None" = None


class VppRefusalCheck(Struct, frozen=True):
    """A question whose answer tells whether a refused call has its object in VPP all the same.

    VPP's refusals do not tell "you have it already" from "another has it": reading does. `shows` is asked of the
    reply, or (`many`) of each row of a dump; one that shows it is enough.
    """

    message: str
    fields: Mapping[str, Any]
    shows: Callable[[Any], bool]
    many: bool = True


class IntentRejected(Exception):
    """The intent is wrong: one status, and silence until it changes. The text names the field."""


UNPACKABLE_CALL_ERRORS = (ValueError, OSError, TypeError, KeyError, AttributeError)  # what packing a call raises


def call_packing_error(message: str, error: Exception) -> IntentRejected:
    """Why a call cannot be packed; vpp_papi quotes the whole message before the field."""
    return IntentRejected(f"{message}: cannot be packed: {str(error).rpartition(' for ')[2]}")


class VppCallRetriedLater(Exception):
    """VPP refused or did not answer: tried again with backoff."""


class ExternalObjectMissing(VppCallRetriedLater):
    """What somebody else makes is not there yet: said as pending, looked for again with backoff."""


class NoVppAnswer(Exception):
    """A call was not answered in time: its outcome is unknown."""
