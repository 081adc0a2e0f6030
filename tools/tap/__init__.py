"""The bus tap: what a node's processes say to one another, live or from a recording.

seen.py       frames of the broker -> what was seen, row by row, old and new           (pure)
wanted.py     which of it is asked for                                                 (pure)
show.py       lines for people and for programs                                        (pure)
chain.py      what one event set off, hop by hop                                       (pure)
top.py        rates and troubles of processes and words                                (pure)
state.py      rows beside their statuses                                               (pure)
export.py     traces for Perfetto, sequence diagrams for Mermaid                       (pure)
listener.py   on the bus: hears everything, answers nothing                            (edge)
recording.py  files: bounded, rotating, compressed, each whole in itself               (edge)
replay.py     a recording fed into one manager                                         (edge)
"""
