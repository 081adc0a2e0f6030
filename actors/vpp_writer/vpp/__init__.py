"""VPP's binary API: one connection, its messages as bytes.

client        the socket: calls, batches of calls, dumps, signs of life
definitions   VPP's messages, from the description that VPP itself gives
packing       packers of requests, compiled from the definitions
replies       readers of replies
"""
