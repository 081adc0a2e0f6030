"""The uplinks that the configuration names, and what VPP is to hold of them.

uplinks      each uplink with its driver, and what others need to know of it
desired      uplinks and host taps as intents (pure)
host_routes  the host's routes to services and pods (pure)
broadcast    the ways of the host's DHCP client through VPP (pure)
rendering    startup.conf, startup.exec and hook scripts for the uplinks of this machine
"""
