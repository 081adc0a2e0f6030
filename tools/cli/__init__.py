"""The console command `vppd`: one file a command, its help, its arguments and what it does together.

main        all commands
command     what a command is, and errors that are for the user
node        the options that say which node is meant
status      `vppd status`
logs        `vppd logs`
restart     `vppd restart`
ask         `vppd ask`
guard       `vppd guard`
tap         `vppd tap` and its sub-commands
bench       `vppd bench`
completion  `vppd completion`
lab         `vppd lab` and its sub-commands

What a node's commands load does not reach tools.lab: only `vppd lab` needs that.
"""
