"""The guard: VPP's life cycle, and the host's connectivity before, during and after it.

life          states and what leads from one to the next   (pure)
captured      the uplink as Linux had it                    (pure)
wanted        the uplink and host tap as intents            (pure)
conf_tree     startup.conf as a tree                        (pure)
startup_conf  VPP's startup.conf from its template          (pure)
drivers       how a link goes to VPP, one file for each     (edge: sysfs, netlink)
steps         a change of Linux, as data
undo          the journal of what must be undone            (edge: disk)
namespaces    entering and making network namespaces        (edge)
linux         links, addresses, routes                      (edge: netlink)
vpp           VPP's process                                 (edge)
probe         does the gateway answer?                      (edge: ICMP)
guard         runs the states' actions
"""
