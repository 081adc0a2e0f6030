"""Bytes of packets: pure functions on headers, checksums, offloads. No state, no I/O.

headers    layouts of Ethernet, ARP, IPv4, IPv6, ICMP
checksum   the Internet checksum
crc32c     the checksum of SCTP
fragments  cutting IPv4 packets
offload    unfinished checksums and unsegmented packets
flow       the flow that a packet belongs to
"""
