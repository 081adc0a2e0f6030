"""Makes a cluster and its pods, and takes them away.

build            up and down: networks, API server, nodes
networks         network namespaces and links
initial_objects  the Kubernetes objects that the cluster begins with, and its kubeconfig (pure)
node_processes   a node's supervisord with the real configuration
calico_node      a node's second container, with Felix's stand-in and its driver
supervisor       the programs of a node's two supervisords
interruption     a clean-up that has begun goes to its end
pods             pods, by the call that Calico's CNI plugin makes
"""
