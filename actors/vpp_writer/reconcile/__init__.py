"""What should be held, what is, and the plan between them. Pure: no I/O, no clock; time is an argument.

objects       every object: what is claimed, held, waiting, failed
claims        who wants what: owners, conflicts
held          what VPP holds, and which of it depends on what
plan          what to delete and what to write, in which order
bulk_routes   new and changed routes as columns: written by the hundred
cycles        objects that would wait for one another for ever
retry         when a failed object is tried again
livelock      how many steps may follow one another
statuses      the status of every intent, by owner, and which have changed
"""
