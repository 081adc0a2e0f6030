"""Policy manager: what Felix says becomes what VPP's npol plugin enforces.

model       what Felix tells, in one form for all its versions   (pure)
ipsets      its sets                                             (pure)
rules       its rules                                            (pure)
conjoin     two rules at once                                    (pure)
compiled    its policies and profiles                            (pure)
chains      several tiers as one list of rules                   (pure)
tiers       tiers as VPP's two stages                            (pure)
wellknown   what every node has: host, failsafe, pods            (pure)
workloads   pods                                                 (pure)
hosts       host endpoints                                       (pure)
desired     all of it                                            (pure)
felix/      the wire: framing, decoding, applying, answering
actor       remembers the facts
"""
