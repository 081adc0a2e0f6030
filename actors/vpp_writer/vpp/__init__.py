"""VPP's binary API: one connection, its messages as bytes.

client         the socket: calls, batches of calls, dumps, signs of life
request_queue  requests that wait to be sent, a window of them at a time
reply_stream   what VPP sends, cut into messages and given to the calls that wait for them
liveness       does VPP answer?
pending        calls that wait for their replies
message_table  the messages in use as this VPP has them: numbers, packers, readers
definitions    VPP's messages, from the description that VPP itself gives
packing        packers of requests, compiled from the definitions
replies        readers of replies
"""
