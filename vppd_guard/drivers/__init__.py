"""How an uplink goes from Linux to VPP, one file for each driver."""
