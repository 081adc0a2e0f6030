"""The steps of `make demo`, each a function over a lab that returns results with their measured figures.

demo      the whole story, in order
pods      pods made, bytes sent, pods gone
shop      a service with three backends behind a policy, and a client: what the steps below talk to
services  the service, from a pod, a node and outside
policies  the policy, and what changes when it does
traffic   pings and connections in the background, accounted for
deaths    processes are killed under that traffic
"""
