"""Measurements, as JSON: how long, how many messages, how much memory. Never asserted, always printed.

services    how long until Services are translations in VPP
policy      how long until Felix's policies hold in VPP
cni         how long the CNI server takes for an ADD
bus         rows, requests and memory of the bus
buswork     the processes that the bus benchmark measures
writer      the VPP writer beside other clients of the same VPP
writerload  the intents and calls it is measured with
writerwork  the other end of it, as a process
vppclients  the other clients
rig         a node without a network, for services and policies
"""
