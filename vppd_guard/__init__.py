"""The guard: VPP's life cycle, and the host's connectivity before, during and after it.

life            the states, and what leads from one to the next: a table (pure)
guard           walks the table: runs the action of each state
commands        plan, preflight, explain, restore: for people; no guard need run
states/         the action of each state
uplink/         the uplinks of the configuration, and what VPP is to hold of them
report/         what the guard tells people and scripts
vpp/            VPP's process, its startup.conf, its log and cores
drivers/        how a link goes to VPP, one file for each driver
host_services/  what keeps networkd, udev, NetworkManager and DHCP clients off the uplinks
host/           hook scripts of the user; one guard a node
undo/           changes of Linux as steps, and the journal of what must be undone
probes/         who answers, and whose fault silence is
linux/          links with their addresses and routes: captured, moved, restored

Each room knows only those below it, in this order; `setup.cfg` has the contract.
"""
