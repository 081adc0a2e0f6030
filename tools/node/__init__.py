"""A running node, looked at from beside it.

view     a node at one moment: what is ready, what VPP does not hold, what is wrong   (pure)
watcher  hears a node's bus until something is so, or for one look                    (edge)
"""
