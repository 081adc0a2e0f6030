"""What the writer and VPP owe one another, proven on a running VPP.

Every test runs on the binary that $VPP names, else on vppsim. $VPPD_VPP_PRELOAD is put into VPP's
environment; $VPPD_VPP_PLUGINS is the directory of its plugins, if it does not find them by itself.
A test that passes on only one of the two has found a bug in vppsim.
"""
