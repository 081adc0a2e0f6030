"""Policies (VPP: plugins/npol).

pool     indices as VPP's pools give them
objects  sets, rules, policies, what is configured on interfaces
match    does a rule, a policy, an interface let a flow pass
show     the objects as VPP shows them
plugin   all of it, and the hooks in cnat
"""
