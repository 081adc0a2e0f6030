"""Which function answers which message.

A function marked `@call(name)` gets VPP, the message and the client, and returns the fields of the reply (None: retval
0 only) or raises VppRefused. A function marked `@dump(name)` yields the fields of each details message. A new subject
is a new file in this package.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

from tools.vppsim.api.client import ApiConnection
from tools.vppsim.vpp import Vpp

Fields = dict[str, Any]
CallHandler = Callable[[Vpp, Any, ApiConnection], Fields | None]
DumpHandler = Callable[[Vpp, Any, ApiConnection], Iterator[Fields]]

CALLS: dict[str, CallHandler] = {}
DUMPS: dict[str, DumpHandler] = {}


def call(name: str) -> Callable[[CallHandler], CallHandler]:
    """Mark the function that answers message `name` with one reply."""

    def mark(function: CallHandler) -> CallHandler:
        CALLS[name] = function
        return function

    return mark


def dump(name: str) -> Callable[[DumpHandler], DumpHandler]:
    """Mark the function that answers message `name` with any number of details."""

    def mark(function: DumpHandler) -> DumpHandler:
        DUMPS[name] = function
        return function

    return mark


def load() -> None:
    """Import every file of this package, so that CALLS and DUMPS are complete."""
    package = importlib.import_module("tools.vppsim.handlers")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
