"""The packet path: from a frame that came in to frames that go out.

Pure but for memory: devices, clock and randomness come in as arguments or through the state, so that every node can be
stepped by a test without a network.

device_input   frames from devices: the link layer's filter, then ARP or IP
forward        IP input: checks, lookup, doing what the lookup says
multicast      is a packet to a group accepted, and which interfaces get copies
ip_local       packets for VPP's own addresses
arp            requests, replies, proxies of IPv4
nd             neighbour discovery and proxies of IPv6
urpf_nodes     is a packet's source one that may come in here
output         TTL, MTU, the neighbour's MAC, offloads, the device
icmp           errors and echo replies
cnat_nodes     services and source NAT on the way in and out
rewrite        a flow's new ends in a packet
rewrite_error  a flow's new ends in an ICMP error
"""
