"""Bytes of packets: pure functions on headers, checksums, offloads. No state, no I/O."""
