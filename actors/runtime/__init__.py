"""What turns a manager's thinking into a process.

actor      the shape of a manager: handlers that remember, `desired()` that decides
step       one turn, pure: events in, what is to be published out
realised   waiting until intents have become what VPP holds, pure
loop       the only place with a clock and a socket: runs turns until told to stop
"""
