"""What the guard tells people and scripts.

history        what the guard did and why, on disk
history_line   one thing that happened (pure)
explain        the text of `vppd guard explain` (pure)
findings       what a preflight found, as a table (pure)
configuration  settings without effect, as facts (pure)
info_file      the info file of Calico/VPP's agent and tools
"""
