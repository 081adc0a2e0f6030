"""The steps of `make demo`, each a function over a lab that returns results with their measured figures.

health.py    all processes ready, all intents applied
pods.py      pods made, bytes sent, pods gone
shop.py      a service with three backends behind a policy, and a client: what the steps below talk to
services.py  the service, from a pod, a node and outside
policies.py  the policy, and what changes when it does
traffic.py   pings and connections in the background, accounted for
deaths.py    processes are killed under that traffic
"""
