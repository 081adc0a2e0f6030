"""The binary API: our own description of VPP's words, and the socket server that speaks them."""
