"""The processes that make VPP hold what Kubernetes wants: one package a process, and the runtime of the managers.

runtime     what makes a process of a manager
kube_watch  Kubernetes objects become facts
cni         pods' interfaces, for Calico's CNI plugin
routing     BGP by gobgpd; learnt paths become routes
services    Services become translations; source NAT
policy      Felix's policies become VPP's
vpp_writer  makes VPP hold the intents of all
"""
