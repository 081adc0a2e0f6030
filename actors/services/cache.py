"""Services one by one, worked out again only when one of their own facts has changed. Pure.

Facts are the same objects for as long as they do not change, so comparing them costs nothing.
"""

from collections import defaultdict

from actors.services.desired import World, here
from actors.services.entries import Here, Served, served
from schemas.facts import EndpointSlice, Service


class Cache:
    """What became of every Service alone, the last time it was asked for."""

    def __init__(self) -> None:
        self._served: dict[str, Served] = {}
        self._slices: defaultdict[str, dict[str, EndpointSlice]] = defaultdict(dict)
        self._owner: dict[str, str] = {}  # slice -> the service that it belonged to
        self._stale: set[str] = set()
        self._here: Here | None = None

    def service(self, key: str, service: Service | None) -> None:
        """A Service has changed or gone."""
        self._stale.add(key)

    def slice(self, key: str, new: EndpointSlice | None) -> None:
        """A slice has changed or gone, or moved to another Service."""
        before = self._owner.pop(key, None)
        if before is not None:
            self._slices[before].pop(key, None)
            self._stale.add(before)
        if new is not None:
            self._owner[key] = new.service
            self._slices[new.service][key] = new
            self._stale.add(new.service)

    def all(self, world: World) -> dict[str, Served]:
        """Every Service alone, as `desired.all_served` says."""
        place = here(world)
        if place != self._here:
            self._here, self._stale = place, {*world.services, *self._served}
        for key in self._stale:
            service = world.services.get(key)
            if service is None:
                self._served.pop(key, None)
            else:
                slices = [each for _, each in sorted(self._slices[key].items())]
                self._served[key] = served(service, slices, place)
        self._stale = set()
        return self._served
