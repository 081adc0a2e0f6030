"""The services manager's process: `python -m actors.services`."""

from actors.runtime.loop import run_actor
from actors.services.actor import ServicesManager

if __name__ == "__main__":
    run_actor(ServicesManager, "services", "actors.services", "Services become translations in VPP; source NAT.")
