"""The routing manager: `python -m actors.routing`."""

from actors.routing.actor import RoutingManager
from actors.runtime.loop import run_actor

if __name__ == "__main__":
    run_actor(
        RoutingManager,
        RoutingManager.name,
        "actors.routing",
        "BGP by gobgpd; learnt paths become routes in VPP.",
    )
