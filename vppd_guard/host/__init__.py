"""The guard on its host.

hooks     the user's scripts at five moments of the guard's life
handover  this process becomes the next guard, and VPP runs on
"""
