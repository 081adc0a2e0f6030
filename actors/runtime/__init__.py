"""What makes a process of a manager.

decision   what an actor decides: intents, facts, the states of its edges   (pure)
realised   waiting until VPP holds given intents                            (pure)
context    what an actor may use of its process                             (edge)
health     why a process is not ready, for everybody to see                 (edge)
unix_socket  a unix socket: one server at a time, made again if deleted   (edge)
actor      the shape of a manager: handlers that store, `decide()`
turns      between events and decisions: does no I/O itself
loop       runs turns until told to stop: the only place that waits         (edge)
"""
