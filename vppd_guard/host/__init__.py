"""The guard on its host.

hooks  the user's scripts at five moments of the guard's life
"""
