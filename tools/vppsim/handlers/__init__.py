"""What each API message does to VPP, one file a subject; `registry.py` finds them.

registry    which function answers which message
convert     between API fields and values
addresses   addresses of interfaces, IPv6 on and off
af_xdp      AF_XDP uplinks
cnat        services and source NAT
devices     taps, tuns, AF_PACKET uplinks
features    features on the arcs of an interface
interfaces  state, MTU, tables, tags, queues, events; loopbacks
neighbours  neighbours, ARP and ND proxies
npol        network policies
pci         NICs by PCI address; there are none
punts       what is handed to the host; TTL exemptions
routes      unicast and multicast routes
session     clients, pings, versions, threads
tables      IP tables
urpf        from which sources an interface may send
"""
