"""Policies (VPP: plugins/npol).

index_pool  objects by index, as in VPP's pools
objects     sets, rules, policies, what is configured on interfaces
pools       sets, rules and policies by index
match       does a rule, a policy, an interface let a flow pass
plugin      what is configured on interfaces, and the hooks in cnat
"""
