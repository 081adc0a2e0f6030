"""The guard on its host: scripts of the user, one guard a node."""
