"""The bus tap: what a node's processes say to one another, live or from a recording.

observer      frames of the broker -> events: rows, old and new, and notes             (pure)
filter        events by process, word, key, cause, fields                              (pure)
show          lines for people and for programs                                        (pure)
chain         what one event set off, hop by hop                                       (pure)
top           rates and troubles of processes and words                                (pure)
state         rows beside their statuses                                               (pure)
export        traces for Perfetto, sequence diagrams for Mermaid                       (pure)
listener      on the bus: hears everything, answers nothing                            (edge)
recording     files: bounded, rotating, compressed, each whole in itself               (edge)
replay        a recording fed into one manager                                         (edge)
"""
