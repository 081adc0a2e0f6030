"""The VPP writer: the only VPP API client. Intents of all owners in, statuses out.

call       a VPP API call as data
retvals    VPP's return values by name
names      our names -> VPP's indices
kinds/     one file a kind of object: needs, calls as data, read-back      (pure)
claims     who wants what: owners, conflicts                                (pure)
plan       what to delete and what to write, in which order                 (pure)
retry      when a failed object is tried again                              (pure)
journal    what VPP holds, on tmpfs, for the next life of this process
definitions, vpp_api   messages and transport                               (edge)
writer     the turn: claims -> plan -> calls -> statuses
"""
