"""The network software of the host: what keeps it off the uplinks while VPP has them.

plan                                           what is placed, and how it is taken away again
networkd, udev, network_manager, dhcp_clients  the file that each gets
files                                          a file that is placed on the host, and undone
host                                           the file system of the host and its processes
reload                                         has services read their files again
"""
