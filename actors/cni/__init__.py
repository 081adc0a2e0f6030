"""The CNI server: pods' interfaces, called by Calico's CNI plugin over gRPC.

annotations      what a pod's annotations ask for and it does not get  (pure)
allowed_sources  which further addresses a pod may send from        (pure)
host_ports       ports of the node that lead to a pod                (pure)
interface_spec   queues and rings that a pod asks for                (pure)
pods             requests as records, checked                       (pure)
desired          all pods of this node, as intents and facts        (pure)
store            a file per pod                                     (edge: disk)
netns            the pod's side                                     (edge: netlink)
stats_segment    VPP's free buffers                                 (edge: shared memory)
buffer_claims    which pods VPP has buffers for                     (pure)
admission        a pod is let in if VPP has the buffers             (edge)
wiring           a pod's add, withdrawal and rollback               (edge)
gone_pods        pods whose namespace has gone without a DEL        (edge)
repair           the pods' side after a new VPP                     (edge)
server           the gRPC calls of Calico's plugin                  (edge)
actor            the manager: restores, decides, opens the socket
"""
