"""The edge: Linux tuns, taps, links and network namespaces.

maker          opens devices and connects them to the loop
tuntap         tuns and taps in any namespace
packet_socket  a Linux link as uplink
link           Linux links by name
netns          network namespaces, named as VPP names them
"""
