"""The bus: keyed streams with retained rows, and requests with deadlines, over ZeroMQ.

Messages, for everybody:
envelope       the messages: bytes <-> structs, size limits (pure)
stream         one stream's rows, and the assembly of its checkpoints (pure)

The broker, `python -m bus`:
broker         its decisions: every message in, the frames out (pure)
clients        who is on the bus: one life of a name at a time (pure)
stream_store   its copy of every stream (pure)
resend_pacing  how often it asks a publisher to send a stream again (pure)
fanout         its subscribers: when each is sent something, and how much (pure)
catch_up       what is sent to one that is behind (pure)
subscriber     what is known of one: what it has read, and what waits for it (pure)
calls          requests: the broker's switchboard, a service's cache of answers (pure)

A client:
peer           what a process uses: publish, subscribe, ask, serve
subscriptions  the streams that it subscribes to: views and changes
publications   the streams that it publishes
requester      its requests to others
responder      the requests of others that it serves
traces         its trace events for taps, and the names of causes
connection     its connection to the broker, which taps have too
handshake      hello, welcome, credit for what was read (pure)
mirror         a subscribed stream: gaps, snapshots, changes (pure)
row_encoding   its rows as bytes; what cannot travel is withheld and named (pure)
outbox         a published stream: changed rows that wait, credit (pure)

Edges of a process:
process        what every process does first: --help, configuration, log, signals
process_health  notices that a task has died, or that another life has the name
watched_task   a task that nobody waits for
watchdog       a thread that reports a loop that stands still
lock           one process a lock file
process_start  when a process started: with its id, which process it is
log            one structured line on stderr for a batch of work
whole_files    files that are written whole, or not at all
descriptors    how many files this process may have open, and has
shortage       errors that say only that descriptors, memory or threads have run short (pure)
sockets        the sockets of broker and client
connection_limit  closes the broker's entrance while descriptors are left
entrance       looks whether clients can come in, and mends what can be mended
remote_tap     the TCP socket for taps from other machines, encrypted
tap_door       the process that has it
tap_door_process  which the broker's process keeps running
"""
