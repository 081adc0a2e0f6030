"""VPP's cnat plugin: services and source NAT, one session per flow (VPP: plugins/cnat; spec/services.md section 3).

`Cnat` (in `plugin`) is what the stand-in holds of it; `hooks` is where policies are asked. The other files are its
parts: they know neither interfaces nor sockets.
"""
