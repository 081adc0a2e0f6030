"""VPP's return values by name (VPP: vnet/error.h). Only those that our calls can get are named."""

_NAMES = {
    -1: "UNSPECIFIED",
    -2: "INVALID_SW_IF_INDEX",
    -3: "NO_SUCH_FIB",
    -6: "NO_SUCH_ENTRY",
    -7: "INVALID_VALUE",
    -8: "INVALID_VALUE_2",
    -9: "UNIMPLEMENTED",
    -10: "INVALID_SW_IF_INDEX_2",
    -11: "SYSCALL_ERROR_1",
    -12: "SYSCALL_ERROR_2",
    -13: "SYSCALL_ERROR_3",
    -14: "SYSCALL_ERROR_4",
    -15: "SYSCALL_ERROR_5",
    -16: "SYSCALL_ERROR_6",
    -17: "SYSCALL_ERROR_7",
    -18: "SYSCALL_ERROR_8",
    -19: "SYSCALL_ERROR_9",
    -20: "SYSCALL_ERROR_10",
    -30: "FEATURE_DISABLED",
    -52: "NO_PATHS_IN_ROUTE",
    -54: "NO_MATCHING_INTERFACE",
    -59: "ADDRESS_LENGTH_MISMATCH",
    -60: "ADDRESS_NOT_FOUND_FOR_INTERFACE",
    -61: "ADDRESS_NOT_DELETABLE",
    -62: "IP6_NOT_ENABLED",
    -71: "INVALID_INTERFACE",
    -73: "INVALID_ARGUMENT",
    -74: "UNEXPECTED_INTF_STATE",
    -79: "IF_ALREADY_EXISTS",
    -81: "VALUE_EXIST",
    -97: "INVALID_ADDRESS_FAMILY",
    -105: "ADDRESS_IN_USE",
    -106: "ADDRESS_NOT_IN_USE",
    -114: "ADDRESS_FOUND_FOR_INTERFACE",
    -116: "ENTRY_ALREADY_EXISTS",
    -126: "UNSUPPORTED",
    -127: "DUPLICATE_IF_ADDRESS",
    -144: "INIT_FAILED",
    -145: "NETLINK_ERROR",
    -147: "INSTANCE_IN_USE",
    -155: "RSRC_IN_USE",
    -160: "NO_CHANGE",
    -165: "EAGAIN",
    -167: "BUSY",
}
_DEVICE_ERRORS = {"DEVICE_UNKNOWN_INTERFACE": -31}  # the device framework's own (VPP: vnet/dev/errors.h)
_VALUES = {name: value for value, name in _NAMES.items()} | _DEVICE_ERRORS


def vpp_retval_name(retval: int) -> str:
    """VPP's name of a return value, or the number."""
    return _NAMES.get(retval, f"return value {retval}")


def vpp_retvals_named(*names: str) -> frozenset[int]:
    """The numbers of these names."""
    return frozenset(_VALUES[name] for name in names)
