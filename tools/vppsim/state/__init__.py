"""What VPP knows, and what parts of the packet path share.

packet      one IP packet on its way, with what cnat remembers of it
interfaces  what VPP knows of an interface; the pool of interfaces
neighbours  which MAC answers for an address; packets that wait for it
punts       what is handed to the host, and where to
state       all of it together
addressing  addresses of interfaces and the routes they bring
lifecycle   interfaces come, go up and down, and go
"""
