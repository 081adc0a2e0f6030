"""What developers and operators use: the console command, the lab, the stand-in for VPP."""
