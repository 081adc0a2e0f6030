"""VPP's cnat plugin: services and source NAT, one session per flow (VPP: plugins/cnat).

plugin        cnat as a whole
settings      `cnat { }` of startup.conf
hooks         where policies are asked about a flow
translations  virtual addresses and the backends behind them
maglev        Maglev tables as VPP fills them
flow_hash     VPP's hash of a packet's flow
sessions      one session for each flow, found by the flow and by its answers
snat          which flows get a new source
ports         source ports that source NAT gives out
five_tuple    which flow a packet belongs to, as VPP reads it

What happens to packets is in `dataplane/cnat_nodes.py`.
"""
