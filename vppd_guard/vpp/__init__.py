"""VPP's process, and the files around it.

supervisor    the VPP that runs, and how the last one ended
process       starts, adopts, signals and ends VPP
dry_run       starts VPP once without uplinks, before one is touched
startup_conf  startup.conf and startup.exec from their templates (pure)
conf_tree     startup.conf as a tree whose words know their place in the text (pure)
cores         core files and last words of a VPP that has died
log_tail      VPP's output goes into the guard's log
"""
