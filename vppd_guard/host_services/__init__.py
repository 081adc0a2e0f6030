"""The host's own network software, and the files that keep it and the guard out of each other's way."""
