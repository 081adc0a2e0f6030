"""Which function answers which message.

A function marked `@call(name)` gets the stand-in, the message and the client, and returns the fields of the reply
(None: none but retval 0) or raises VppRefused. One marked `@dump(name)` yields the fields of each details message.
A new subject is a new file in this package.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

from tools.vppsim.api.client import ApiClient
from tools.vppsim.vpp import Vpp

Fields = dict[str, Any]
Answer = Callable[[Vpp, Any, ApiClient], Fields | None]
Listing = Callable[[Vpp, Any, ApiClient], Iterator[Fields]]

CALLS: dict[str, Answer] = {}
DUMPS: dict[str, Listing] = {}


def call(name: str) -> Callable[[Answer], Answer]:
    """Mark the function that answers message `name` with one reply."""

    def mark(function: Answer) -> Answer:
        CALLS[name] = function
        return function

    return mark


def dump(name: str) -> Callable[[Listing], Listing]:
    """Mark the function that answers message `name` with any number of details."""

    def mark(function: Listing) -> Listing:
        DUMPS[name] = function
        return function

    return mark


def load() -> None:
    """Import every file of this package, so that CALLS and DUMPS are complete."""
    package = importlib.import_module("tools.vppsim.handlers")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
