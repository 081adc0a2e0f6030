"""What each API message does to the stand-in, one file a subject; `registry.py` finds them."""
