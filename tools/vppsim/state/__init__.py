"""VPP's state, which nodes of the packet path share.

packet      one IP packet on its way, with what cnat remembers of it
interfaces  an interface and its settings; the pool of interfaces
neighbours  which MAC answers for an address; packets that wait for it
punts       which packets are punted to the host, and through which paths
urpf        which interfaces have the sources of their packets checked
state       all of it together
addressing  addresses of interfaces and the routes they bring
lifecycle   adding and deleting interfaces, admin and link state
"""
