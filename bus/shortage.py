"""Does an error say that this process has run short of descriptors, memory or threads? Pure.

Such an error tells nothing of what was looked at or asked for: it is tried again when there is more.
"""

import errno

_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN})
_NO_THREAD = "can't start new thread"  # CPython's text for EAGAIN of pthread_create(3)


def is_shortage(error: BaseException) -> bool:
    """Has something failed only because there was too little of what every work needs?"""
    if isinstance(error, OSError):
        return error.errno in _SHORTAGES
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and str(error) == _NO_THREAD)


def raise_shortage(error: OSError) -> None:
    """Raises this error if it is a shortage: it does not answer what was asked, as other errors may."""
    if is_shortage(error):
        raise error
