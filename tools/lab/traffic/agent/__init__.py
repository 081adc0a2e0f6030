"""A probe agent: one process in a network namespace, which answers probes and makes them.

`python -m tools.lab.traffic.agent NAME --socket PATH [--ports 80,81]` serves these ports over TCP, UDP and SCTP, IPv4
and IPv6: who asks is told the agent's name and the address and port that he is seen with. It prints `ready` when it
does, and ends with its standard input. Over the Unix socket it takes batches of probes, a line of JSON each
(`words.Batch`), and answers with a line (a list of `words.Answer`, in order).

words    what goes over the Unix socket
serving  the answering side, TCP and UDP
raw      SCTP and ICMP echo, both sides, on raw sockets: a kernel without SCTP is enough
sctp     the few SCTP packets that it takes. Pure
probing  the asking side
ports    source ports that were not used lately
"""
