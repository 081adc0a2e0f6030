"""What must hold on a running lab, and waiting until it does.

policy_verdicts  what the cluster's policies say of a ping between pods (pure)
properties       each property of nodes, hosts and pods with its measured figure
health           until every process of every node is ready
convergence      until a change in Kubernetes has come all the way to VPP
"""
