"""VPP's messages and types, one file a subject, in the short notation of `api/notation.py`.

A new subject is a new file here with a text called WORDS; `api/catalogue.py` finds it by itself.
Names, CRCs and layouts are VPP 26.10's; a contract test compares every one of them with VPP's own API files.
"""
