"""The words that vppd's processes say to one another, and the configuration that they share.

facts      what is so: published by the process that observes it
intents    what VPP should hold: published by the manager that owns it
statuses   what became of an intent: published by the VPP writer
requests   the few questions that need an answer now
words      which word carries which struct, and who owns it
codec      bytes <-> structs, with errors that name the object and the field
config     a node's configuration, read from environment variables
"""
