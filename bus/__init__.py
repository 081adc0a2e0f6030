"""The bus: keyed streams with retained rows, and requests with deadlines, over ZeroMQ.

envelope      the messages: bytes <-> structs, size limits (pure)
stream        one stream's rows and the assembly of its checkpoints (pure)
outbox        the publisher's side of a stream: changed rows that wait, credit (pure)
mirror        the subscriber's side of a stream: gaps, snapshots, changes (pure)
stream_store  the broker's copy of every stream (pure)
fanout        the broker's subscribers: what each is sent, and when (pure)
calls         requests: the broker's switchboard, a service's cache of answers (pure)
broker        the broker's decisions (pure)
peer          the client of every other process: publish, subscribe, ask, serve
process       what every process does first: --help, configuration, log, signals
watchdog      a thread that reports a loop that stands still
sockets       the sockets of broker and client; with remote_tap the only file that imports zmq
remote_tap    the broker's TCP socket for taps from other machines, encrypted
log           one structured line on stderr for a batch of work
"""
