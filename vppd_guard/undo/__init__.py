"""Changes of Linux, and the journal of what must be undone.

step      a change of Linux as data: needs, undo record, change, effect
executor  the one thread that makes the changes
records   what must be undone, as the journal has it (pure)
reserve   descriptors kept back for the undoing
journal   the records on disk, each synced before the change that it undoes
"""
