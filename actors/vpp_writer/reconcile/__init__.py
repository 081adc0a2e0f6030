"""What should be held, what is, and the plan between them. Pure: no I/O, no clock; time is an argument.

objects       every object: what is claimed, held, to be done, said
claims        who wants what: owners, conflicts
held          what VPP holds, which of it depends on what, who waits for it
work_queue    which objects are to be looked at, what is urgent first
plan          what to delete and what to write, in which order
bulk_plan     which of the many can be written without a plan of their own
bulk          objects that share everything but a prefix, as columns: written by the hundred
ingress_gate  in a new VPP packets come in when all else is there
cycles        objects that would wait for one another for ever
retry         when a failed object is tried again
livelock      how many steps may follow one another
status_review  statuses that may not be what they should, looked at again
statuses      the status of every intent, by owner, and which have changed
"""
