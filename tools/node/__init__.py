"""A running node, looked at from beside it.

view        a node at one moment: what is ready, what VPP does not hold, what is wrong   (pure)
last_words  what a process that has died said last                                       (pure)
watcher     hears a node's bus until something is so, or for one look                    (edge)
programs    the node's supervisord: which programs there are; stops, starts, signals     (edge)
absences    why processes are not there: supervisord's words, and their own last ones    (edge)
logs        the files into which processes write                                         (edge)
"""
