"""The action of each state of `life.py`, one file for each state, and what the actions share.

start       what an earlier guard has left: a VPP to adopt, changes to undo, or nothing
preflight   looks at the host, the uplinks and VPP; nothing is touched
captured    gives the uplinks to VPP
taken       starts VPP
up          has VPP configured, and Linux's side of the taps
configured  brings uplinks and taps up; what answered before must answer through VPP
running     watches
restoring   ends VPP, undoes the journal
retrying    waits before the next try to restore
lost        waits for the uplink to appear again
resting     rests on plain Linux

context     what all actions are given
holding     what the guard holds from one state to the next
failures    how an action fails
checks      the single checks of a preflight
follow      follows what others change on the host taps into VPP and the facts
tap_follower  looks at the taps, and keeps the undo journal up to date
wire        asks gateways on the wire, past VPP
statuses    waits until VPP holds intents
replay      undoes the records of the undo journal
info_file   writes the info file for scripts
"""
