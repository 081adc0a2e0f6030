"""The managers and the VPP writer: each directory is one process."""
