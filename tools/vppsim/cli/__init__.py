"""A little of VPP's command line.

commands    which function shows what; the answer to a line
show_ip     interfaces, addresses, routes, neighbours, counters
show_cnat   translations, sessions, clients, source NAT
show_npol   sets, rules, policies, as VPP shows them
npol_match  would a flow pass?
"""
