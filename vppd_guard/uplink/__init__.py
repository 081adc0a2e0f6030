"""The uplinks that the configuration names, and what VPP is to hold of them.

uplinks    each uplink with its driver, and what others need to know of it
desired    uplinks and host taps as intents (pure)
rendering  startup.conf, startup.exec and hook scripts for the uplinks of this machine
"""
