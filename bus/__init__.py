"""The bus: keyed streams with retained rows, and requests with deadlines, over ZeroMQ.

envelope   the messages, pure: bytes <-> structs, size limits
stream     one stream's rows and the assembly of its checkpoints, pure
outbox     the publisher's side of a stream: what is not yet said, credit, pure
mirror     the hearer's side of a stream: gaps, snapshots, changes, pure
ledger     the broker's side of all streams, pure
calls      requests: the switchboard of the broker, the memory of a service, pure
broker     the broker's decisions over ledger and switchboard, pure
peer       what every other process uses: say, hear, ask, answer
sockets    the only file that imports zmq
log        one structured line on stderr for a batch of work
"""
