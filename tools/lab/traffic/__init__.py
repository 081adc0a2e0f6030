"""Traffic between the namespaces of a lab, every packet or connection accounted for.

pings           pings in the background, and until the first answer
ping_sender     the program that sends them, inside a namespace
loads           connections at a steady rate in the background
load_generator  the program that makes them, inside a namespace
denied          pings and connections that policy denies
transfers       bytes over TCP, measured and compared
transfer_peer   the program at either end, inside a namespace
web_server      a pod that serves: a web server that answers its name
agents          probe agents in many namespaces, asked at the same time
agent           the program of one agent, inside a namespace
"""
