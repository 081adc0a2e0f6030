"""The routing manager: `python -m actors.routing`."""

from actors.routing.actor import RoutingManager
from actors.runtime.loop import run

if __name__ == "__main__":
    run(
        RoutingManager,
        RoutingManager.name,
        "actors.routing",
        "BGP by gobgpd; learnt paths become routes in VPP.",
    )
