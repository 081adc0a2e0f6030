"""Plans carried out: calls to VPP, the journal, statuses. The only user of `vpp/`.

writer      the turn: plan, calls, statuses
meeting     after connecting: which VPP is this, and what does it hold of what the journal tells?
going_up    interfaces by which packets come in go up at one moment
ranks       the objects of one rank: made, changed or deleted together
engine      many objects' calls at a time: packed, sent, settled
run         one object's calls, which follow one another
templates   what many objects have in common, as bytes
outcomes    what becomes of objects: journal, what is held, statuses, in this order
journal     what VPP holds, on tmpfs, for the next life of this process
records     the journal's records and frames
readback    which of the held objects VPP really has
drift       read-back again and again: what somebody changed by hand
orphans     what a life that ended in the middle left in VPP's npol plugin
"""
