"""The packet path: from a frame that came in to frames that go out.

Pure but for memory: devices, clock and randomness come in as arguments or through the stand-in's state, so every
part can be stepped by a test without a network.
"""
