"""The uplinks that the configuration names, and what VPP is to hold of them."""
