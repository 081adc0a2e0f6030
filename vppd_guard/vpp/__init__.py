"""VPP's process and the files around it."""
