"""The CNI server: pods' interfaces, called by Calico's CNI plugin over gRPC.

pods      requests as records, checked   (pure)
desired   records as intents             (pure)
store     a file per pod                 (edge: disk)
netns     the pod's side                 (edge: netlink)
server    the gRPC calls                 (edge)
actor     remembers the pods
"""
