"""The base of all intents."""

from msgspec import Struct


class Intent(Struct, frozen=True, omit_defaults=True, gc=False, tag_field="kind"):
    """One object that VPP should hold. `key` is unique over all owners."""

    @property
    def key(self) -> str:
        raise NotImplementedError
