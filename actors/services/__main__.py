"""The services manager's process: `python -m actors.services`."""

from actors.runtime.loop import run
from actors.services.actor import ServicesManager

if __name__ == "__main__":
    run(ServicesManager, "services", "actors.services", "Services become translations in VPP; source NAT.")
