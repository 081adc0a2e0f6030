"""What developers and operators use: the console command, the lab, the stand-in for VPP.

cli     the console command `vppd`, one file a command
node    a running node, looked at from beside it
tap     what a node's processes say to one another
bench   measurements
book    the message book, written from the schemas
lab     whole clusters on one machine
vppsim  stands in for VPP
"""
