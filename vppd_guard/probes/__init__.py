"""Who answers, and whose fault silence is.

icmp     pings addresses
arp_nd   asks a gateway on the wire, past VPP, by ARP and neighbour discovery
verdict  is VPP to blame for silence? (pure)
"""
