"""A probe agent: one process in a network namespace, which answers probes and makes them.

`python -m tools.lab.agent NAME --socket PATH [--ports 80,81]` serves these ports over TCP, UDP and SCTP, IPv4 and
IPv6: who asks is told the agent's name and the address and port that he is seen with. It prints `ready` when it does,
and ends with its standard input. Over the Unix socket it takes batches of probes, a line of JSON each (`words.Batch`),
and answers with a line (a list of `words.Answer`, in order).

words.py    what goes over the Unix socket
serving.py  the answering side, TCP and UDP
raw.py      SCTP and ICMP echo, both sides, on raw sockets: a kernel without SCTP is enough
sctp.py     the few SCTP packets that it takes. Pure
probing.py  the asking side
ports.py    source ports that were not used lately
"""
