"""The packet path: from a frame that came in to frames that go out.

Pure but for memory: devices, clock and randomness come in as arguments or through the state, so that every node can be
stepped by a test without a network.

ingress        frames from devices: the link layer's filter, then ARP or IP
forward        IP input: checks, lookup, doing what the lookup says
multicast      is it accepted from there, and who gets copies
local          packets for VPP's own addresses
arp            questions and answers of IPv4
nd             neighbour discovery of IPv6
output         TTL, MTU, the neighbour's MAC, offloads, the device
icmp           errors and echo replies
cnat_path      services and source NAT on the way in and out
rewrite        a flow's new ends in a packet
rewrite_error  a flow's new ends in an ICMP error
"""
