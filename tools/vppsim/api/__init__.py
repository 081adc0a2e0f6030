"""The binary API: vppsim's own description of VPP's messages, and a client's connection.

catalogue  all messages: ids, packers, JSON for clients
notation   a short notation for messages and types, and its translation into VPP's JSON
unions     unions are read whatever their members make of the bytes
client     one API client: framing of messages on its socket
messages/  the messages and types, one file a subject
"""
