"""Driving a real gobgpd over its gRPC API.

state    what gobgpd should hold, and what it holds, as plain data
paths    prefixes and next hops <-> protobuf paths, pure
messages peers and policies <-> protobuf, pure
plan     desired against observed -> operations, pure
client   the edge: one gobgpd on a unix socket
"""
