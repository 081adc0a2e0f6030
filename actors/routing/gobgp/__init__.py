"""Driving a real gobgpd over its gRPC API.

state     what gobgpd should hold, and what it holds    (pure)
paths     prefixes and next hops <-> gobgpd's paths     (pure)
messages  peers and policies <-> gobgpd's messages      (pure)
plan      desired against observed -> operations        (pure)
client    one gobgpd on a unix socket                   (edge)
"""
