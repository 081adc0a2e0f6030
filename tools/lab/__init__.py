"""Whole clusters on one machine: nodes and pods are network namespaces, everything else is real.

plan       names and addresses                          (pure)
state      what a lab has, on disk                      (edge)
host       namespaces, links, processes of the machine  (edge)
cluster    the objects that the cluster begins with     (pure)
kube       a client of its API server
build      up and down
pods       pods by the call that Calico's plugin makes
view       what a node's bus says
probe      pings and transfers, measured
check      what must hold on a running lab
demo       the story of `make demo`
apiserver  a small Kubernetes API server
"""
