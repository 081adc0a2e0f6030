"""VPP's messages and types, one file a subject, in the short notation of `api/notation.py`.

A new subject is a new file here with a text called DEFINITIONS; `api/catalogue.py` finds it by itself.
Names, CRCs and layouts are VPP 26.10's; a contract test compares every one of them with VPP's own API files.

af_packet     Linux links as uplinks, GSO
af_xdp        Linux links through AF_XDP sockets
cnat          services and source NAT
common        types that several subjects share
feature       features on the arcs of an interface
interface     interfaces of every kind
ip            tables, routes, addresses, punt redirection
ip_ttl_fixup  forwarding that costs no TTL
neighbor      neighbours, ARP, neighbour discovery, proxies
npol          network policies
pci           NICs that VPP drives itself
punt          what VPP hands to the host
session       clients, pings, versions, threads, the command line
tap           taps and tuns in Linux namespaces
urpf          from which sources an interface may send
"""
