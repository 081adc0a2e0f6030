"""A node under random disturbances: what looks well is well, and what was disturbed comes back.

kinds              what can happen to a node: deaths, hangs, files, descriptors, the clock, strangers on the bus
probes             what must work on a node that says it is well
test_disturbances  one after another, seeded
"""
