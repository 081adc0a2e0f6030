"""Whole clusters on one machine: nodes and pods are network namespaces, everything else is real.

story      the steps of `make demo`, each a function over a lab
checks     what must hold on a running lab
cluster    makes a cluster and its pods, and takes them away
felix      stands in for Calico's Felix
traffic    pings, connections and transfers between namespaces, accounted for
kube       a client of the lab's API server
apiserver  a small Kubernetes API server
linux      namespaces, links and processes of the machine
state      what a lab has, on disk
objects    Kubernetes objects as JSON
topology   names and addresses of a lab
"""
