"""VPP's return values (VPP: vnet/error.h), as far as vppsim returns them."""

from enum import IntEnum
from typing import Any

INDEX_INVALID = 0xFFFFFFFF
"""~0: VPP's "no index", "no table", "all"."""


class VnetError(IntEnum):
    """A negative retval."""

    UNSPECIFIED = -1
    INVALID_SW_IF_INDEX = -2
    NO_SUCH_FIB = -3
    NO_SUCH_ENTRY = -6
    INVALID_VALUE = -7
    UNIMPLEMENTED = -9
    INVALID_SW_IF_INDEX_2 = -10
    SYSCALL_ERROR_1 = -11
    SYSCALL_ERROR_2 = -12
    SYSCALL_ERROR_3 = -13
    FEATURE_DISABLED = -30
    INVALID_REGISTRATION = -31
    NO_PATHS_IN_ROUTE = -52
    NO_MATCHING_INTERFACE = -54
    ADDRESS_LENGTH_MISMATCH = -59
    ADDRESS_NOT_FOUND_FOR_INTERFACE = -60
    ADDRESS_NOT_DELETABLE = -61
    IP6_NOT_ENABLED = -62
    INVALID_INTERFACE = -71
    INVALID_ARGUMENT = -73
    UNEXPECTED_INTF_STATE = -74
    IF_ALREADY_EXISTS = -79
    VALUE_EXIST = -81
    INVALID_ADDRESS_FAMILY = -97
    ADDRESS_IN_USE = -105
    ADDRESS_FOUND_FOR_INTERFACE = -114
    ENTRY_ALREADY_EXISTS = -116
    UNSUPPORTED = -126
    DUPLICATE_IF_ADDRESS = -127
    INIT_FAILED = -144
    NETLINK_ERROR = -145
    LIMIT_EXCEEDED = -162
    INVALID_PREFIX_LENGTH = -171
    NO_SUCH_TABLE = -65


class VppRefused(Exception):
    """VPP refuses a call: `error` becomes the reply's retval, `fields` the rest of the reply."""

    def __init__(self, error: VnetError | int, **fields: Any) -> None:
        super().__init__(error.name if isinstance(error, VnetError) else str(error))
        self.error = int(error)
        self.fields = fields
