"""Other people's protocols: the parts used, as .proto files, and the Python generated from them.

`python -m schemas.proto.generate` makes the generated files anew; a test proves that they are up to date.
"""
