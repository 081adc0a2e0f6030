"""A stand-in for /usr/bin/vpp for laptops and CI; see README.md. Not for production.

main        the command: reads startup.conf, builds VPP, runs until a signal
startup     startup.conf as text becomes settings
server      the API socket: requests in, replies and events out
handlers/   what each API message does, one file a subject
cli/        a little of VPP's command line
api/        VPP's messages and types, and how a client's bytes are framed
vpp         VPP put together: state, nodes of the packet path, devices
dataplane/  the packet path: from a frame that came in to frames that go out
state/      what VPP knows of interfaces, addresses, neighbours
fib/        tables, routes and their resolution
cnat/       services and source NAT: translations, sessions, ports
npol/       network policies: sets, rules, policies
packets/    bytes of packets: headers, checksums, offloads
devices/    Linux tuns, taps, links and network namespaces
loop        one thread, one epoll, timers
retvals     VPP's return values
"""
