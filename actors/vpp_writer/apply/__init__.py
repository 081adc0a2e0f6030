"""Plans carried out: calls to VPP, the journal, statuses. The only user of `vpp/`.

writer      the turn: plan, calls, statuses; and the meeting with a VPP after a start
jobs        objects whose calls hang on one another, many at a time
batches     objects of one call each, by the hundred
templates   what the routes of one path list have in common, bytes included
journal     what VPP holds, on tmpfs, for the next life of this process
readback    which of the held objects VPP really has
drift       the same again and again: what somebody changed by hand
orphans     what a life that ended in the middle left in VPP's npol plugin
"""
