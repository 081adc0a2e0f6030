"""Policy manager: what Felix says becomes what VPP's npol plugin enforces.

model       Felix's policies and endpoints, in one form for all versions   (pure)
ipsets      Felix's sets compiled to VPP's                                 (pure)
large_sets  a set of any size as sets that fit into a row each             (pure)
rules       one rule compiled                                              (pure)
intersect   one rule that matches what two rules both match                (pure)
policies    policies and profiles compiled, and their cache                (pure)
chains      several tiers expanded to one policy                           (pure)
tiers       tiers as VPP's two stages: policies, profiles                  (pure)
wellknown   policies that every node has: host, failsafe, pods             (pure)
workloads   policies of pods' interfaces                                   (pure)
hosts       policies of host endpoints                                     (pure)
spoofing    sources that Felix lets a pod send from                        (pure)
desired     what VPP should enforce, and statuses                          (pure)
felix/      the wire: framing, decoding, applying, answering
actor       remembers the facts
"""
