"""Links with their addresses and routes, over netlink. Blocking; called in a worker thread.

All functions are idempotent: restoring what is restored already changes nothing.

captured                                        an uplink as Linux had it, and what follows from that (pure)
lifetimes                                       a capture at a later moment: what has ended is not in it (pure)
tap_plan                                        Linux's side of the host tap as it should be (pure)
following                                       what others have changed on the tap, as a newer capture (pure)
differences                                     what of a link is not as it was, in words (pure)

capture                                         reads a link as it is
restore                                         gives a link its state back
moving                                          links between namespaces
tap                                             Linux's side of the host tap: made what the uplink was, read, corrected

links                                           links as netlink shows them
addresses, routes, rules, neighbours, nexthops  read, and put back
gateways                                        led to while routes by them are put back
settings                                        name, MAC, MTU, flags, sizes, master, IPv6 token
sysctl                                          the settings of one link below /proc/sys/net
ethtool                                         queues, rings and offloads

events                                          notices that something has changed
netlink                                         a socket that sends many requests at once
attributes                                      netlink attributes as bytes (pure)
route_codec                                     routes as bytes (pure)
leftovers                                       what a look at a host makes on its way is taken away
namespaces                                      named network namespaces, entered by a thread of their own
clock                                           the time, as a capture notes it
"""
