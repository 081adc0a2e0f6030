"""The VPP writer: the only VPP API client. Intents of all owners in, statuses out.

process     the process: hear intents, connect to VPP, let the writer turn
reports     what the process says: statuses, facts, health, its log
gc_tuning   Python's garbage collector, for a process of many objects without cycles
apply/      plans carried out: calls, journal, statuses, read-back
reconcile/  what should be held, what is, the plan between them             (pure)
vpp/        VPP's binary API: one connection, its messages as bytes         (edge)
kinds/      one file a kind of object: needs, calls as data, read-back      (pure)
"""
