"""Where packets go: tables, routes and their resolution. No I/O here.

paths      the ways a route can lead, and who may have asked for it
table      one unicast table: prefixes, their sources, longest match
multicast  one multicast table
tables     all tables, and how long each lives
lookup     from a destination to what is done with the packet
"""
